import type { Packable, Unpacked } from '../../../message-pack.ts'
import { Resource } from '../resource.ts'
import type { World } from '../world.ts'
import { IncomingValue, type OutgoingValue } from './blobstore-values.ts'
import { as, providerFace } from './provider-face.ts'

/** What goes to the provider or comes from it at once. */
const CHUNK_BYTES = 512 << 10
/** What one read of names gives at most. */
const MOST_NAMES = 4_096

/** variant error is a text. */
const ask = (world: World, operation: string, ...args: Packable[]): Promise<Unpacked> =>
  providerFace(world, 'wasi:blobstore', ({ text }) => text)(`container.${operation}`, ...args)

/** `wasi:blobstore/container.container`: a name, under which the provider keeps objects. */
export class BlobContainer extends Resource {
  readonly #name: string

  constructor(world: World, name: string) {
    super(world)
    world.keep(name.length)
    this.#name = name
  }

  // name: func() -> result<string, error>
  name(): string {
    this.world.charge(this.#name.length)
    return this.#name
  }

  // info: func() -> result<container-metadata, error>
  async info(): Promise<{ name: string; createdAt: bigint }> {
    const info = as.map(await this.#ask('info'), 'what a container is')
    return { name: as.text(info.get('name'), 'a name'), createdAt: as.natural(info.get('createdAt'), 'a time') }
  }

  // get-data: func(name: object-name, start: u64, end: u64) -> result<incoming-value, error>; both ends are inclusive
  async getData(name: string, start: bigint, end: bigint): Promise<IncomingValue> {
    const chunks: Uint8Array[] = []
    for (let at = start; at <= end; at += BigInt(CHUNK_BYTES)) {
      const last = at + BigInt(CHUNK_BYTES) - 1n
      const chunk = as.bytes(await this.#ask('get-data', name, at, last < end ? last : end), 'data')
      this.world.keep(chunk.length)
      chunks.push(chunk)
      if (chunk.length < CHUNK_BYTES) break
    }
    return new IncomingValue(this.world, chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
  }

  // write-data: func(name: object-name, data: borrow<outgoing-value>) -> result<_, error>; it is written when the value is finished
  async writeData(name: string, data: OutgoingValue): Promise<void> {
    // An error of a container that is not there would come too late.
    await ask(this.world, 'get', this.#name)
    data.addTarget(async (bytes) => {
      for (let at = 0, chunk = 0; at === 0 || at < bytes.length; at += CHUNK_BYTES, chunk++)
        await this.#ask('write-data', name, bytes.subarray(at, at + CHUNK_BYTES), chunk, bytes.length)
    })
  }

  // list-objects: func() -> result<stream-object-names, error>
  async listObjects(): Promise<StreamObjectNames> {
    const names = new StreamObjectNames(this.world, this.#name)
    await names.fill()
    return names
  }

  // delete-object: func(name: object-name) -> result<_, error>
  async deleteObject(name: string): Promise<void> {
    await this.#ask('delete-object', name)
  }

  // delete-objects: func(names: list<object-name>) -> result<_, error>
  async deleteObjects(names: string[]): Promise<void> {
    await this.#ask('delete-objects', names)
  }

  // has-object: func(name: object-name) -> result<bool, error>
  async hasObject(name: string): Promise<boolean> {
    return (await this.#ask('has-object', name)) === true
  }

  // object-info: func(name: object-name) -> result<object-metadata, error>
  async objectInfo(name: string): Promise<{ name: string; container: string; createdAt: bigint; size: bigint }> {
    const info = as.map(await this.#ask('object-info', name), 'what an object is')
    return {
      ...{ name: as.text(info.get('name'), 'a name'), container: as.text(info.get('container'), 'a container') },
      ...{ createdAt: as.natural(info.get('createdAt'), 'a time'), size: as.natural(info.get('size'), 'a size') },
    }
  }

  // clear: func() -> result<_, error>
  async clear(): Promise<void> {
    await this.#ask('clear')
  }

  #ask(operation: string, ...args: Packable[]): Promise<Unpacked> {
    return ask(this.world, operation, this.#name, ...args)
  }
}

/** `wasi:blobstore/container.stream-object-names`: asks for a page when it has no names left. */
export class StreamObjectNames extends Resource {
  readonly #container: string
  #names: string[] = []
  #from = 0
  #ended = false

  constructor(world: World, container: string) {
    super(world)
    this.#container = container
  }

  // read-stream-object-names: func(len: u64) -> result<tuple<list<object-name>, bool>, error>
  async readStreamObjectNames(length: bigint): Promise<[string[], boolean]> {
    this.world.charge()
    const wanted = length < MOST_NAMES ? Number(length) : MOST_NAMES
    const names: string[] = []
    while (names.length < wanted) {
      if (this.#names.length === 0) await this.fill()
      if (this.#names.length === 0) break
      names.push(...this.#names.splice(0, wanted - names.length))
    }
    return [names, this.#ended && this.#names.length === 0]
  }

  // skip-stream-object-names: func(num: u64) -> result<tuple<u64, bool>, error>
  async skipStreamObjectNames(count: bigint): Promise<[bigint, boolean]> {
    const [names, ended] = await this.readStreamObjectNames(count)
    return [BigInt(names.length), ended]
  }

  /** Asks for the next names; an empty page is the end. */
  async fill(): Promise<void> {
    if (this.#ended) return
    const page = as.list(await ask(this.world, 'list-objects', this.#container, this.#from), 'names')
    this.#names = page.map((name) => as.text(name, 'a name'))
    this.#from += page.length
    this.#ended = page.length === 0
  }
}
