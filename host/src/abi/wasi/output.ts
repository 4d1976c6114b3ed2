import { GuestFault } from '../guest-fault.ts'

const FIRST_BYTES = 1 << 10

/** Collects a response as it is written. */
export class ResponseBuffer {
  readonly #limitBytes: number
  bytes: Uint8Array = new Uint8Array(FIRST_BYTES)
  length = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** @throws GuestFault `response-too-large` */
  append(bytes: Uint8Array): void {
    const length = this.length + bytes.length
    if (length > this.#limitBytes)
      throw new GuestFault('response-too-large', `Expected a response of at most ${this.#limitBytes} bytes, found more`)
    if (length > this.bytes.length) {
      const grown = new Uint8Array(Math.min(this.#limitBytes, Math.max(length, this.bytes.length * 2)))
      grown.set(this.bytes.subarray(0, this.length))
      this.bytes = grown
    }
    this.bytes.set(bytes, this.length)
    this.length = length
  }
}

const TAIL_LETTERS = 1 << 10
const CHUNK_BYTES = 4 << 10

/** Cuts what a program writes to stderr into console lines, and keeps the last of it. */
export class LineLog {
  readonly #lineLetters: number
  readonly #log: (line: string) => void
  readonly #decoder = new TextDecoder()
  #line = ''
  #tail = ''

  /** @param lineLetters what a line has more is dropped */
  constructor(lineLetters: number, log: (line: string) => void) {
    this.#lineLetters = lineLetters
    this.#log = log
  }

  /** The last of what was written: why a program failed, most often. */
  get tail(): string {
    return this.#tail.trim()
  }

  append(bytes: Uint8Array): void {
    // A guest may write all its memory at once, and each of its letters may end a line: what logs may end it before that.
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) this.#take(bytes.subarray(at, at + CHUNK_BYTES))
  }

  #take(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes, { stream: true })
    this.#tail = (this.#tail + text).slice(-TAIL_LETTERS)
    const [first = '', ...others] = text.split('\n')
    this.#extend(first)
    for (const line of others) {
      this.#log(this.#line)
      this.#line = ''
      this.#extend(line)
    }
  }

  /** Logs what has no end of line yet. */
  end(): void {
    if (this.#line !== '') this.#log(this.#line)
    this.#line = ''
  }

  #extend(text: string): void {
    this.#line += text.slice(0, this.#lineLetters - this.#line.length)
  }
}
