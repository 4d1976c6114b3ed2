import { refuse } from '../refusal.ts'
import { Resource } from '../resource.ts'
import type { World } from '../world.ts'
import type { Answer } from './answer.ts'
import type { BodyTerms } from './http-bodies.ts'
import type { ErrorCode } from './http-errors.ts'
import type { Field } from './http-fields.ts'
import { IncomingMessage, OutgoingMessage } from './http-messages.ts'
import { Pollable } from './pollable.ts'

/** `wasi:http/types.incoming-response`. */
export class IncomingResponse extends IncomingMessage {
  readonly #status: number

  constructor(world: World, status: number, fields: readonly Field[], body: Uint8Array) {
    super(world, fields, body)
    this.#status = status
  }

  // status: func() -> status-code
  status(): number {
    this.world.charge()
    return this.#status
  }
}

/** What became of a request: result<incoming-response, error-code> */
export type Outcome =
  | { readonly tag: 'ok'; readonly val: IncomingResponse }
  | { readonly tag: 'err'; readonly val: ErrorCode }

/** `wasi:http/types.future-incoming-response`. */
export class FutureIncomingResponse extends Resource {
  readonly #answer: Answer<Outcome>
  #taken = false

  constructor(world: World, answer: Answer<Outcome>) {
    super(world)
    this.#answer = answer
  }

  // subscribe: func() -> pollable
  subscribe(): Pollable {
    this.world.charge()
    return new Pollable(this.world, 0n, this.#answer)
  }

  // get: func() -> option<result<result<incoming-response, error-code>>>
  get(): { tag: 'ok'; val: Outcome } | { tag: 'err'; val: undefined } | undefined {
    this.world.charge()
    const { value } = this.#answer
    if (value === undefined) return undefined
    if (this.#taken) return { tag: 'err', val: undefined }
    this.#taken = true
    return { tag: 'ok', val: value }
  }
}

/** `wasi:http/types.outgoing-response`. */
export class OutgoingResponse extends OutgoingMessage {
  #status = 200

  // status-code: func() -> status-code
  statusCode(): number {
    this.world.charge()
    return this.#status
  }

  // set-status-code: func(status-code: status-code) -> result; one that another follows is no answer
  setStatusCode(status: number): void {
    this.world.charge()
    if (status < 200 || status > 599) refuse(undefined)
    this.#status = status
  }

  /** What there is to answer with; no body when the guest did not finish it. */
  get whole(): { status: number; fields: readonly Field[]; body: Uint8Array | undefined } {
    const body = this.written === undefined ? new Uint8Array(0) : this.written.whole
    return { status: this.#status, fields: this.fields, body }
  }

  protected override terms(): Omit<BodyTerms, 'length'> {
    return { limitBytes: this.world.surroundings.limits.responseBytes, wrongLength: 'HTTP-response-body-size' }
  }
}

/** What a guest answers: result<outgoing-response, error-code> */
export type Response =
  | { readonly tag: 'ok'; readonly val: OutgoingResponse }
  | { readonly tag: 'err'; readonly val: { readonly tag: string; readonly val?: unknown } }

/** `wasi:http/types.response-outparam`. */
export class ResponseOutparam extends Resource {
  /** None when the guest never set it. */
  response: Response | undefined

  // set: static func(param: response-outparam, response: result<outgoing-response, error-code>)
  static set(outparam: ResponseOutparam, response: Response): void {
    outparam.world.charge()
    outparam[Symbol.dispose]()
    if (response.tag === 'ok') response.val[Symbol.dispose]()
    outparam.response = response
  }
}
