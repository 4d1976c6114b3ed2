import { type HostInterface, WASI_0_2 } from '../host-interface.ts'
import type { World } from '../world.ts'
import { FutureTrailers, IncomingBody, OutgoingBody } from './http-bodies.ts'
import { type Field, Fields } from './http-fields.ts'
import { handleOutgoing } from './http-outgoing.ts'
import { IncomingRequest, OutgoingRequest, RequestOptions } from './http-requests.ts'
import { FutureIncomingResponse, IncomingResponse, OutgoingResponse, ResponseOutparam } from './http-responses.ts'

/** `wasi:http` 0.2. Messages are whole: a body is there, or is sent, once all of it is. */
export const HTTP_INTERFACES: Readonly<Record<string, HostInterface>> = {
  'wasi:http/types': {
    versions: WASI_0_2,
    create: (world) => ({
      // Guests construct these without a world.
      Fields: constructible(world, Fields, { fromList: (entries: Field[]) => Fields.fromList(world, entries) }),
      OutgoingRequest: constructible(world, OutgoingRequest),
      OutgoingResponse: constructible(world, OutgoingResponse),
      RequestOptions: constructible(world, RequestOptions),
      ...{ IncomingRequest, IncomingResponse, IncomingBody, OutgoingBody },
      ...{ FutureTrailers, FutureIncomingResponse, ResponseOutparam },
      // http-error-code: func(err: borrow<io-error>) -> option<error-code>
      httpErrorCode(): undefined {
        world.charge()
      },
    }),
  },
  'wasi:http/outgoing-handler': {
    versions: WASI_0_2,
    create: (world) => ({
      handle: (request: OutgoingRequest, options: RequestOptions | undefined) =>
        handleOutgoing(world, request, options),
    }),
  },
}

/** A resource's class of which the first argument is the world; `instanceof` and the prototype are the same. */
function constructible<A extends unknown[], T>(
  world: World,
  type: new (world: World, ...more: A) => T,
  statics: object = {},
): object {
  const bound = Object.defineProperty(type.bind(null, world), 'prototype', { value: type.prototype as unknown })
  return Object.assign(bound, statics)
}
