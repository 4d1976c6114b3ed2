import { refuse } from '../refusal.ts'
import { Resource } from '../resource.ts'
import type { World } from '../world.ts'
import type { ErrorCode } from './http-errors.ts'
import type { Fields } from './http-fields.ts'
import { Pollable } from './pollable.ts'
import { InputStream, type OutputStream, readFrom } from './streams.ts'
import { WrittenBytes } from './written-bytes.ts'

/** `wasi:http/types.incoming-body`: all of it is there. */
export class IncomingBody extends Resource {
  readonly #bytes: Uint8Array
  #taken = false

  constructor(world: World, bytes: Uint8Array) {
    super(world)
    this.#bytes = bytes
  }

  // %stream: func() -> result<input-stream>
  stream(): InputStream {
    this.world.charge()
    if (this.#taken) refuse(undefined)
    this.#taken = true
    return new InputStream(
      this.world,
      readFrom(() => this.#bytes),
    )
  }

  // finish: static func(this: incoming-body) -> future-trailers
  static finish(body: IncomingBody): FutureTrailers {
    body.world.charge()
    body[Symbol.dispose]()
    return new FutureTrailers(body.world)
  }
}

/** `wasi:http/types.future-trailers`: there never are any. */
export class FutureTrailers extends Resource {
  #taken = false

  // subscribe: func() -> pollable
  subscribe(): Pollable {
    this.world.charge()
    return new Pollable(this.world)
  }

  // get: func() -> option<result<result<option<trailers>, error-code>>>
  get(): { tag: 'ok'; val: { tag: 'ok'; val: undefined } } | { tag: 'err'; val: undefined } {
    this.world.charge()
    if (this.#taken) return { tag: 'err', val: undefined }
    this.#taken = true
    return { tag: 'ok', val: { tag: 'ok', val: undefined } }
  }
}

/** How the body of an outgoing message is to be. */
export interface BodyTerms {
  readonly limitBytes: number
  /** What the message's `content-length` says. */
  readonly length: number | undefined
  readonly wrongLength: 'HTTP-request-body-size' | 'HTTP-response-body-size'
  /** Told the whole body, once, when it is finished. */
  readonly onFinish?: (bytes: Uint8Array) => void
  /** Told when the guest drops it unfinished. */
  readonly onDrop?: () => void
}

/** `wasi:http/types.outgoing-body`. */
export class OutgoingBody extends Resource {
  readonly #terms: BodyTerms
  readonly #written: WrittenBytes
  /** The body, once the guest has finished it. */
  whole: Uint8Array | undefined

  constructor(world: World, terms: BodyTerms) {
    super(world)
    this.#terms = terms
    this.#written = new WrittenBytes(world, terms.limitBytes)
  }

  // write: func() -> result<output-stream>
  write(): OutputStream {
    this.world.charge()
    return this.#written.stream()
  }

  // finish: static func(this: outgoing-body, trailers: option<trailers>) -> result<_, error-code>
  static finish(body: OutgoingBody, trailers: Fields | undefined): void {
    body.world.charge()
    const bytes = body.#written.finish()
    const { length = bytes.length, wrongLength, onFinish } = body.#terms
    const some = trailers === undefined ? 0 : trailers.take().length
    if (length === bytes.length && some === 0) body.whole = bytes
    body[Symbol.dispose]()
    if (length !== bytes.length) refuse({ tag: wrongLength, val: BigInt(bytes.length) } satisfies ErrorCode)
    if (some > 0) refuse({ tag: 'internal-error', val: 'Expected no trailers, found some' } satisfies ErrorCode)
    onFinish?.(bytes)
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]()
    if (this.whole === undefined) this.#terms.onDrop?.()
  }
}
