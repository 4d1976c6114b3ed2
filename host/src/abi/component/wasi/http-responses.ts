import { refuse } from '../refusal.ts'
import { Resource } from '../resource.ts'
import type { World } from '../world.ts'
import type { Answer } from './answer.ts'
import { IncomingBody, OutgoingBody } from './http-bodies.ts'
import type { ErrorCode } from './http-errors.ts'
import { contentLength, type Field, Fields } from './http-fields.ts'
import { Pollable } from './pollable.ts'

/** `wasi:http/types.incoming-response`. */
export class IncomingResponse extends Resource {
  readonly #status: number
  readonly #headers: readonly Field[]
  readonly #body: Uint8Array
  #consumed = false

  constructor(world: World, status: number, fields: readonly Field[], body: Uint8Array) {
    super(world)
    this.#status = status
    this.#headers = fields
    this.#body = body
  }

  // status: func() -> status-code
  status(): number {
    this.world.charge()
    return this.#status
  }

  // headers: func() -> headers
  headers(): Fields {
    return new Fields(this.world, this.#headers, true)
  }

  // consume: func() -> result<incoming-body>
  consume(): IncomingBody {
    this.world.charge()
    if (this.#consumed) refuse(undefined)
    this.#consumed = true
    return new IncomingBody(this.world, this.#body)
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
export class OutgoingResponse extends Resource {
  readonly #headers: readonly Field[]
  #status = 200
  #body: OutgoingBody | undefined

  // constructor(headers: headers)
  constructor(world: World, headers: Fields) {
    super(world)
    world.charge()
    this.#headers = headers.take()
  }

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

  // headers: func() -> headers
  headers(): Fields {
    return new Fields(this.world, this.#headers, true)
  }

  // body: func() -> result<outgoing-body>
  body(): OutgoingBody {
    this.world.charge()
    if (this.#body !== undefined) refuse(undefined)
    this.#body = new OutgoingBody(this.world, {
      limitBytes: this.world.surroundings.limits.responseBytes,
      length: contentLength(this.#headers),
      wrongLength: 'HTTP-response-body-size',
    })
    return this.#body
  }

  /** What there is to answer with; no body when the guest did not finish it. */
  get whole(): { status: number; fields: readonly Field[]; body: Uint8Array | undefined } {
    const body = this.#body === undefined ? new Uint8Array(0) : this.#body.whole
    return { status: this.#status, fields: this.#headers, body }
  }
}

/** What a guest answers: result<outgoing-response, error-code> */
export type Response =
  | { readonly tag: 'ok'; readonly val: OutgoingResponse }
  | { readonly tag: 'err'; readonly val: { readonly tag: string; readonly val?: unknown } }

/** `wasi:http/types.response-outparam`. */
export class ResponseOutparam extends Resource {
  #response: Response | undefined

  // set: static func(param: response-outparam, response: result<outgoing-response, error-code>)
  static set(outparam: ResponseOutparam, response: Response): void {
    outparam.world.charge()
    outparam[Symbol.dispose]()
    if (response.tag === 'ok') response.val[Symbol.dispose]()
    outparam.#response = response
  }

  /** None when the guest never set it. */
  get response(): Response | undefined {
    return this.#response
  }
}
