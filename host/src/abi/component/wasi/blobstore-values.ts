import { Resource } from '../resource.ts'
import type { World } from '../world.ts'
import { InputStream, type OutputStream, readFrom } from './streams.ts'
import { WrittenBytes } from './written-bytes.ts'

/** Writes a whole value to where it belongs. @throws Refusal with a text */
export type StoreValue = (value: Uint8Array) => Promise<void>

/** `wasi:blobstore/types.outgoing-value`: is written to where it was said to go when it is finished. */
export class OutgoingValue extends Resource {
  readonly #written: WrittenBytes
  readonly #targets: StoreValue[] = []

  constructor(world: World) {
    super(world)
    this.#written = new WrittenBytes(world, world.surroundings.limits.scratchBytes)
  }

  // outgoing-value-write-body: func() -> result<output-stream>
  outgoingValueWriteBody(): OutputStream {
    this.world.charge()
    return this.#written.stream()
  }

  // finish: static func(this: outgoing-value) -> result<_, error>
  static async finish(value: OutgoingValue): Promise<void> {
    value.world.charge()
    value[Symbol.dispose]()
    const bytes = value.#written.finish()
    for (const store of value.#targets) await store(bytes)
  }

  /** Says where it is to go. */
  addTarget(store: StoreValue): void {
    this.world.keep(64)
    this.#targets.push(store)
  }
}

/** `wasi:blobstore/types.incoming-value`: all of it is there. */
export class IncomingValue extends Resource {
  readonly #bytes: Uint8Array

  constructor(world: World, bytes: Uint8Array) {
    super(world)
    this.#bytes = bytes
  }

  // incoming-value-consume-sync: static func(this: incoming-value) -> result<incoming-value-sync-body, error>
  static incomingValueConsumeSync(value: IncomingValue): Uint8Array {
    return value.#take()
  }

  // incoming-value-consume-async: static func(this: incoming-value) -> result<incoming-value-async-body, error>
  static incomingValueConsumeAsync(value: IncomingValue): InputStream {
    const bytes = value.#take()
    return new InputStream(
      value.world,
      readFrom(() => bytes),
    )
  }

  // size: func() -> u64
  size(): bigint {
    this.world.charge()
    return BigInt(this.#bytes.length)
  }

  #take(): Uint8Array {
    this.world.charge(this.#bytes.length)
    this[Symbol.dispose]()
    return this.#bytes
  }
}
