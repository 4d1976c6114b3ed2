import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { TeapotError } from '@teapot-network/trust'
import { isBlockKey } from './cid.ts'

/** A file of the store as found at start. */
export interface FoundBlock {
  key: string
  sizeBytes: number
  usedMs: number
}

/**
 * The store's folder: `blocks/<two characters>/<key>`, `pins/<root CID>`, `tmp/`.
 * A file appears under its name whole or not at all (written aside, then renamed).
 */
export class BlockFiles {
  readonly #dir: string
  readonly #shards = new Set<string>()

  private constructor(dir: string) {
    this.#dir = dir
  }

  /** Opens or makes the folder; what an interrupted write left behind is thrown away. */
  static async open(dir: string): Promise<BlockFiles> {
    return guarded(`open ${dir}`, async () => {
      await rm(join(dir, 'tmp'), { recursive: true, force: true })
      for (const part of ['blocks', 'pins', 'tmp']) await mkdir(join(dir, part), { recursive: true })
      return new BlockFiles(dir)
    })
  }

  /** All blocks on disk, the least recently used first. */
  async scan(): Promise<FoundBlock[]> {
    return guarded('list blocks', async () => {
      const found: FoundBlock[] = []
      for (const shard of await readdir(join(this.#dir, 'blocks'))) {
        if (!/^[a-z2-7]{2}$/.test(shard)) continue
        const keys = (await readdir(join(this.#dir, 'blocks', shard))).filter(isBlockKey)
        const stats = await Promise.all(keys.map((key) => stat(join(this.#dir, 'blocks', shard, key))))
        keys.forEach((key, i) => {
          found.push({ key, sizeBytes: stats[i]!.size, usedMs: stats[i]!.mtimeMs })
        })
      }
      return found.sort((a, b) => a.usedMs - b.usedMs)
    })
  }

  /** A block's bytes; `undefined` when there is no such file or the disk cannot read it. */
  async read(key: string, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    try {
      const bytes = await readFile(this.#path(key), signal === undefined ? {} : { signal })
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    } catch (cause) {
      signal?.throwIfAborted()
      if (codeOf(cause) === 'ENOENT' || codeOf(cause) === 'EIO') return undefined
      throw diskError(`read block ${key}`, cause)
    }
  }

  /** @throws TeapotError `content/disk-full`, `content/store-failed`; no trace is left then */
  async write(key: string, bytes: Uint8Array): Promise<void> {
    await guarded(`write block ${key}`, async () => {
      const shard = this.#shard(key)
      if (!this.#shards.has(shard)) await mkdir(shard, { recursive: true })
      this.#shards.add(shard)
      await this.#writeWhole(this.#path(key), bytes, false)
    })
  }

  /** Removes a block; absent is fine. */
  async remove(key: string): Promise<void> {
    await guarded(`remove block ${key}`, () => removeFile(this.#path(key)))
  }

  /** Notes on disk that a block was used now, so that the order of use survives a restart. */
  async touch(key: string): Promise<void> {
    const now = new Date()
    await utimes(this.#path(key), now, now).catch(() => undefined)
  }

  /** Forces blocks and their names to disk. */
  async sync(keys: Iterable<string>): Promise<void> {
    await guarded('sync blocks', async () => {
      const shards = new Set<string>()
      for (const key of keys) {
        await syncPath(this.#path(key))
        shards.add(this.#shard(key))
      }
      for (const shard of shards) await syncPath(shard)
    })
  }

  /** All pins: root CID and keys of its blocks; an unreadable one comes with no keys. */
  async readPins(): Promise<{ root: string; keys: string[] }[]> {
    return guarded('read pins', async () => {
      const roots = await readdir(join(this.#dir, 'pins'))
      return Promise.all(
        roots.map(async (root) => {
          const lines = (await readFile(join(this.#dir, 'pins', root), 'utf8')).split('\n')
          const whole = lines.pop() === '' && lines.every(isBlockKey)
          return { root, keys: whole ? lines : [] }
        }),
      )
    })
  }

  /** Writes a pin durably. */
  async writePin(root: string, keys: Iterable<string>): Promise<void> {
    const text = [...keys].map((key) => `${key}\n`).join('')
    await guarded(`pin ${root}`, async () => {
      await this.#writeWhole(join(this.#dir, 'pins', root), Buffer.from(text), true)
      await syncPath(join(this.#dir, 'pins'))
    })
  }

  /** Removes a pin; absent is fine. */
  async removePin(root: string): Promise<void> {
    await guarded(`unpin ${root}`, () => removeFile(join(this.#dir, 'pins', root)))
  }

  #shard(key: string): string {
    return join(this.#dir, 'blocks', key.slice(-2))
  }

  #path(key: string): string {
    return join(this.#shard(key), key)
  }

  async #writeWhole(path: string, bytes: Uint8Array, durable: boolean): Promise<void> {
    const aside = join(this.#dir, 'tmp', randomUUID())
    try {
      const file = await open(aside, 'wx')
      try {
        await file.writeFile(bytes)
        if (durable) await file.datasync()
      } finally {
        await file.close()
      }
      await rename(aside, path)
    } catch (error) {
      await rm(aside, { force: true })
      throw error
    }
  }
}

async function removeFile(path: string): Promise<void> {
  await unlink(path).catch((error) => {
    if (codeOf(error) !== 'ENOENT') throw error
  })
}

async function syncPath(path: string): Promise<void> {
  let file: Awaited<ReturnType<typeof open>>
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

async function guarded<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw diskError(what, cause)
  }
}

function diskError(what: string, cause: unknown): TeapotError {
  const code = codeOf(cause)
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    const message = `Cannot ${what}: the disk is full (${code}); free some space or lower the quota`
    return new TeapotError('content/disk-full', message, { kind: 'unavailable', cause })
  }
  const message = `Cannot ${what}: expected a folder that can be read and written, found ${code ?? cause}`
  return new TeapotError('content/store-failed', message, { kind: 'fault', cause })
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code
}
