import { refuse } from '../refusal.ts'
import { Resource } from '../resource.ts'
import type { World, Write } from '../world.ts'
import { Pollable } from './pollable.ts'

/** The most that one read returns, and that may be written after one `check-write`. */
const CHUNK_BYTES = 64 << 10
const EMPTY = new Uint8Array(0)

/** `wasi:io/error.error`. */
export class IoError extends Resource {
  readonly #text: string

  constructor(world: World, text: string) {
    super(world)
    this.#text = text
  }

  // to-debug-string: func() -> string
  toDebugString(): string {
    this.world.charge(this.#text.length)
    return this.#text
  }
}

/** variant stream-error { last-operation-failed(error), closed } */
export type StreamError = { readonly tag: 'closed' } | { readonly tag: 'last-operation-failed'; readonly val: IoError }

/** Ends a stream's function with `stream-error::closed`. */
export const closed = (): never => refuse({ tag: 'closed' } satisfies StreamError)

/** Gives the next bytes, at most so many; none, or `undefined`, when there are no more. May throw a `Refusal` of a {@link StreamError}. */
export type Read = (length: number) => Uint8Array | undefined

/** `wasi:io/streams.input-stream`. What it reads is there already: it never waits. */
export class InputStream extends Resource {
  readonly #read: Read

  constructor(world: World, read: Read) {
    super(world)
    this.#read = read
  }

  // read: func(len: u64) -> result<list<u8>, stream-error>
  read(length: bigint): Uint8Array {
    const bytes = length === 0n ? EMPTY : this.#read(length < CHUNK_BYTES ? Number(length) : CHUNK_BYTES)
    this.world.charge(bytes?.length)
    return length > 0n && (bytes === undefined || bytes.length === 0) ? closed() : (bytes ?? EMPTY)
  }

  // blocking-read: func(len: u64) -> result<list<u8>, stream-error>
  blockingRead(length: bigint): Uint8Array {
    return this.read(length)
  }

  // skip: func(len: u64) -> result<u64, stream-error>
  skip(length: bigint): bigint {
    return BigInt(this.read(length).length)
  }

  // blocking-skip: func(len: u64) -> result<u64, stream-error>
  blockingSkip(length: bigint): bigint {
    return this.skip(length)
  }

  // subscribe: func() -> pollable
  subscribe(): Pollable {
    this.world.charge()
    return new Pollable(this.world)
  }
}

/** `wasi:io/streams.output-stream`. What is written is taken at once: it never waits. */
export class OutputStream extends Resource {
  readonly #write: Write

  /** @param write may throw a `Refusal` of a {@link StreamError} */
  constructor(world: World, write: Write) {
    super(world)
    this.#write = write
  }

  // check-write: func() -> result<u64, stream-error>
  checkWrite(): bigint {
    this.world.charge()
    return BigInt(CHUNK_BYTES)
  }

  // write: func(contents: list<u8>) -> result<_, stream-error>
  write(contents: Uint8Array): void {
    this.world.charge(contents.length)
    this.#write(contents)
  }

  // blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>
  blockingWriteAndFlush(contents: Uint8Array): void {
    this.write(contents)
  }

  // flush: func() -> result<_, stream-error>
  flush(): void {
    this.world.charge()
  }

  // blocking-flush: func() -> result<_, stream-error>
  blockingFlush(): void {
    this.world.charge()
  }

  // write-zeroes: func(len: u64) -> result<_, stream-error>
  writeZeroes(length: bigint): void {
    const zeroes = length < CHUNK_BYTES ? Number(length) : CHUNK_BYTES
    this.write(new Uint8Array(zeroes))
  }

  // blocking-write-zeroes-and-flush: func(len: u64) -> result<_, stream-error>
  blockingWriteZeroesAndFlush(length: bigint): void {
    this.writeZeroes(length)
  }

  // splice: func(src: borrow<input-stream>, len: u64) -> result<u64, stream-error>
  splice(source: InputStream, length: bigint): bigint {
    const bytes = source.read(length)
    this.write(bytes)
    return BigInt(bytes.length)
  }

  // blocking-splice: func(src: borrow<input-stream>, len: u64) -> result<u64, stream-error>
  blockingSplice(source: InputStream, length: bigint): bigint {
    return this.splice(source, length)
  }

  // subscribe: func() -> pollable
  subscribe(): Pollable {
    this.world.charge()
    return new Pollable(this.world)
  }
}

/** Reads from bytes that are all there. */
export function readFrom(bytes: () => Uint8Array): Read {
  let at = 0
  return (length) => {
    const chunk = bytes().subarray(at, at + length)
    at += chunk.length
    return chunk
  }
}
