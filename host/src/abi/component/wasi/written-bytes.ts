import { ResponseBuffer } from '../../wasi/output.ts'
import { refuse } from '../refusal.ts'
import type { World } from '../world.ts'
import { closed, IoError, OutputStream, type StreamError } from './streams.ts'

/** Collects what a guest writes to the one stream of a body or value, until that is finished. */
export class WrittenBytes {
  readonly #world: World
  readonly #limitBytes: number
  readonly #buffer: ResponseBuffer
  #taken = false
  #finished = false

  /** @param limitBytes writing more fails */
  constructor(world: World, limitBytes: number) {
    this.#world = world
    this.#limitBytes = limitBytes
    this.#buffer = new ResponseBuffer(limitBytes)
  }

  /** The stream, once; then the error of a `result`. */
  stream(): OutputStream {
    if (this.#taken || this.#finished) refuse(undefined)
    this.#taken = true
    return new OutputStream(this.#world, (bytes) => this.#append(bytes))
  }

  /** Closes the stream. @returns what was written */
  finish(): Uint8Array {
    this.#finished = true
    return this.#buffer.bytes.subarray(0, this.#buffer.length)
  }

  #append(bytes: Uint8Array): void {
    if (this.#finished) closed()
    if (this.#buffer.length + bytes.length > this.#limitBytes) {
      const text = `Expected at most ${this.#limitBytes} bytes to be written, found more`
      refuse({ tag: 'last-operation-failed', val: new IoError(this.#world, text) } satisfies StreamError)
    }
    this.#world.keep(bytes.length)
    this.#buffer.append(bytes)
  }
}
