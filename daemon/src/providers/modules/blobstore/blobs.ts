import { type DaemonServices, isServiceRefusal, ProviderRefusal } from '../../provider.ts'
import type { BlobIndex, ContainerRow, ObjectRow, Owner, Piece } from './blob-index.ts'
import { newObjectKey, open, seal } from './sealed-piece.ts'

/** Largest stretch of an object in one block, and largest chunk of a download. */
export const PIECE_BYTES = 512 << 10
/** A range that is read at once must fit into an answer. */
const MAX_READ_BYTES = (1 << 20) - 1_024
const MAX_PIECES = 1 << 16
const MAX_NAME_CHARACTERS = 1_024

/** Objects in containers: an index of our own, bytes as sealed blocks in the daemon's content store. */
export class Blobs {
  readonly #index: BlobIndex
  readonly #daemon: DaemonServices
  #dropping: Promise<void> = Promise.resolve()

  constructor(index: BlobIndex, daemon: DaemonServices) {
    this.#index = index
    this.#daemon = daemon
    this.#dropDoomed()
  }

  createContainer(owner: Owner, name: string): ContainerRow {
    return this.#index.createContainer(owner, checkedName(name))
  }

  hasContainer(owner: Owner, name: string): boolean {
    return this.#index.findContainer(owner, name) !== undefined
  }

  /** @throws ProviderRefusal `provider/no-such-container` */
  container(owner: Owner, name: string): ContainerRow {
    const found = this.#index.findContainer(owner, name)
    if (found !== undefined) return found
    throw new ProviderRefusal(
      'provider/no-such-container',
      `Expected a container, found none called ${name.slice(0, 80)}`,
    )
  }

  deleteContainer(owner: Owner, name: string): void {
    const found = this.#index.findContainer(owner, name)
    if (found !== undefined) this.#index.deleteContainer(found)
    this.#dropDoomed()
  }

  clear(owner: Owner, name: string): void {
    this.#index.clear(this.container(owner, name))
    this.#dropDoomed()
  }

  list(owner: Owner, container: string, from: number, count: number): ObjectRow[] {
    return this.#index.list(this.container(owner, container), from, count)
  }

  find(owner: Owner, container: string, name: string): ObjectRow | undefined {
    return this.#index.findObject(this.container(owner, container), name)
  }

  /** @throws ProviderRefusal `provider/no-such-object`, `provider/no-such-container` */
  object(owner: Owner, container: string, name: string): ObjectRow {
    const found = this.find(owner, container, name)
    if (found !== undefined) return found
    throw new ProviderRefusal(
      'provider/no-such-object',
      `Expected an object in ${container.slice(0, 80)}, found none called ${name.slice(0, 80)}`,
    )
  }

  deleteObjects(owner: Owner, container: string, names: readonly string[]): void {
    const row = this.container(owner, container)
    for (const name of names) {
      const found = this.#index.findObject(row, name)
      if (found !== undefined) this.#index.deleteObject(found)
    }
    this.#dropDoomed()
  }

  move(owner: Owner, from: readonly [string, string], to: readonly [string, string]): void {
    this.#index.move(this.object(owner, ...from), this.container(owner, to[0]), checkedName(to[1]))
    this.#dropDoomed()
  }

  async copy(owner: Owner, from: readonly [string, string], to: readonly [string, string]): Promise<void> {
    const source = this.object(owner, ...from)
    const upload = this.begin(owner, to[0], to[1], source.size)
    // Sealed anew, since each object has its own key, and its blocks go when it goes.
    let seq = 0
    for (const piece of this.#index.pieces(source))
      await this.add(owner, upload, seq++, await this.#readPiece(source, piece))
    this.#index.finish(this.container(owner, to[0]), upload)
    this.#dropDoomed()
  }

  /** Begins an object of `size` bytes; it is not to be seen until all of them are there. */
  begin(owner: Owner, container: string, name: string, size: number): ObjectRow {
    return this.#index.begin(owner.actor, this.container(owner, container), checkedName(name), size, newObjectKey())
  }

  /** The upload under way under a name. @throws ProviderRefusal `provider/no-such-object` */
  upload(owner: Owner, container: string, name: string): ObjectRow {
    const found = this.#index.findObject(this.container(owner, container), name, false)
    if (found !== undefined) return found
    throw new ProviderRefusal(
      'provider/no-such-object',
      `Expected an upload that was started, found none of ${name.slice(0, 80)}`,
    )
  }

  /** Adds the chunk `seq` to an upload; the object is there with the last one. The same number again replaces the chunk. */
  async put(owner: Owner, container: string, upload: ObjectRow, seq: number, bytes: Uint8Array): Promise<void> {
    await this.add(owner, upload, seq, bytes)
    this.#index.finish(this.container(owner, container), upload)
    this.#dropDoomed()
  }

  /** @throws ProviderRefusal `provider/malformed-payload` past the size that was announced */
  async add({ actor }: Owner, upload: ObjectRow, seq: number, bytes: Uint8Array): Promise<void> {
    const held = this.#index.held(upload)
    const others = held.bytes - this.#index.heldOf(upload, seq).bytes
    if (others + bytes.length > upload.size || held.pieces >= MAX_PIECES)
      throw new ProviderRefusal(
        'provider/malformed-payload',
        `Expected ${upload.size} bytes in at most ${MAX_PIECES} chunks as announced, found more`,
      )
    const pieces: Piece[] = []
    try {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        const piece = bytes.subarray(at, at + PIECE_BYTES)
        const cid = await this.#ask(this.#daemon.putBlock(seal(piece, upload.key)))
        pieces.push({ seq, part: pieces.length, size: piece.length, cid })
      }
      if (!this.#index.add(actor, upload, pieces))
        throw new ProviderRefusal(
          'provider/no-such-object',
          'Expected an upload that goes on, found that it was started anew',
        )
    } catch (error) {
      for (const { cid } of pieces) this.#index.doom(cid)
      throw error
    } finally {
      this.#dropDoomed()
    }
  }

  /** Bytes from `start` to before `end`. @throws ProviderRefusal `provider/response-too-large`, `provider/unreachable` */
  async read(object: ObjectRow, start: number, end: number): Promise<Uint8Array> {
    const last = Math.min(end, object.size)
    if (last - start > MAX_READ_BYTES)
      throw new ProviderRefusal(
        'provider/response-too-large',
        `Expected a range of at most ${MAX_READ_BYTES} bytes, found ${last - start}`,
      )
    const parts: Uint8Array[] = []
    let at = 0
    for (const piece of this.#index.pieces(object)) {
      const from = at
      at += piece.size
      if (at <= start || from >= last) continue
      const bytes = await this.#readPiece(object, piece)
      parts.push(bytes.subarray(Math.max(0, start - from), last - from))
    }
    return Buffer.concat(parts)
  }

  async #readPiece(object: ObjectRow, { cid }: Piece): Promise<Uint8Array> {
    return open(await this.#ask(this.#daemon.getBlock(cid)), object.key)
  }

  async #ask<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (cause) {
      if (!isServiceRefusal(cause)) throw cause
      const full = ['content/quota-exceeded', 'content/disk-full'].includes(cause.code)
      const found = `${cause.code}: ${cause.message}`
      if (full)
        throw new ProviderRefusal('provider/quota-exceeded', `Expected room in this node's store, found ${found}`, {
          cause,
        })
      throw new ProviderRefusal(
        'provider/unreachable',
        `Expected this node's store to have the block, found ${found}`,
        {
          kind: 'unavailable',
          cause,
        },
      )
    }
  }

  /** Lets go of blocks behind the calls, one after the other; what fails is tried again with the next. */
  #dropDoomed(): void {
    this.#dropping = this.#dropping.then(async () => {
      for (const cid of this.#index.doomed()) {
        await this.#daemon.dropBlock(cid)
        this.#index.forget(cid)
      }
    })
    this.#dropping = this.#dropping.catch(() => {})
  }
}

function checkedName(name: string): string {
  if (name !== '' && name.length <= MAX_NAME_CHARACTERS) return name
  throw new ProviderRefusal(
    'provider/malformed-payload',
    `Expected a name of 1 to ${MAX_NAME_CHARACTERS} characters, found ${name.length}`,
  )
}
