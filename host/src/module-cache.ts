import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** How a module cache is set up. */
export interface ModuleCacheOptions {
  /** Made when it is not there; nobody else's files belong in it. */
  readonly directory: string
  readonly maxBytes: number
  /**
   * Secret under which files are vouched for, so that what somebody else put there is not taken. Without one a fresh key is made,
   * and nothing outlives the host.
   */
  readonly key?: Uint8Array | undefined
}

const MAC_BYTES = 32
const NAME = /^[0-9a-f]{64}$/

/**
 * Prepared modules on disk: each file is HMAC-SHA-256 ‖ bytes, under a name that tells all they were made from. The code has
 * been measured before it was prepared and is not measured again, so a file counts only with its MAC, at each read
 * (spec/host.md §5.6). The file unused for longest goes first; one that is held stays.
 */
export class ModuleCache {
  readonly #directory: string
  readonly #maxBytes: number
  readonly #key: Uint8Array
  /** Sizes by name, the one unused for longest first. */
  readonly #files = new Map<string, number>()
  readonly #held = new Map<string, number>()
  #bytes = 0
  #written = 0

  private constructor({ directory, maxBytes, key }: ModuleCacheOptions) {
    this.#directory = directory
    this.#maxBytes = maxBytes
    this.#key = key ?? randomBytes(32)
  }

  /** Opens the directory and takes over what is in it; without a key it is emptied. */
  static async open(options: ModuleCacheOptions): Promise<ModuleCache> {
    const cache = new ModuleCache(options)
    await mkdir(options.directory, { recursive: true, mode: 0o700 })
    const found: { name: string; size: number; usedMs: number }[] = []
    for (const name of await readdir(options.directory)) {
      const path = join(options.directory, name)
      if (options.key === undefined || !NAME.test(name)) await rm(path, { recursive: true, force: true })
      else {
        const { size, mtimeMs } = await stat(path)
        found.push({ name, size, usedMs: mtimeMs })
      }
    }
    for (const { name, size } of found.sort((a, b) => a.usedMs - b.usedMs)) cache.#add(name, size)
    cache.#shrink()
    return cache
  }

  /** Whether there is such a file; whether it is sound shows when it is read. */
  has(name: string): boolean {
    return this.#files.has(name)
  }

  /** Reads a file. @returns undefined when it is not there, or not as it was written: then it is removed */
  get(name: string): Uint8Array | undefined {
    const size = this.#files.get(name)
    if (size === undefined) return undefined
    const body = this.#read(name)
    this.#forget(name)
    if (body !== undefined) this.#add(name, size)
    else rmSync(join(this.#directory, name), { force: true })
    return body
  }

  /** Writes a file. @returns false when it does not fit beside what is held, or the disk refuses */
  async put(name: string, body: Uint8Array): Promise<boolean> {
    const size = MAC_BYTES + body.length
    const heldBytes = [...this.#held.keys()].reduce((sum, held) => sum + (this.#files.get(held) ?? 0), 0)
    if (heldBytes + size > this.#maxBytes) return false
    const path = join(this.#directory, name)
    const unfinished = `${path}.${this.#written++}`
    try {
      await writeFile(unfinished, [this.#mac(name, body), body], { mode: 0o600 })
      await rename(unfinished, path)
    } catch {
      await rm(unfinished, { force: true }).catch(() => {})
      return false
    }
    this.#forget(name)
    this.#add(name, size)
    this.#shrink()
    return true
  }

  /** Keeps a file from being removed until {@link release}; each hold counts. */
  hold(name: string): void {
    this.#held.set(name, (this.#held.get(name) ?? 0) + 1)
  }

  release(name: string): void {
    const holds = (this.#held.get(name) ?? 0) - 1
    if (holds > 0) this.#held.set(name, holds)
    else this.#held.delete(name)
  }

  #read(name: string): Buffer | undefined {
    try {
      const file = readFileSync(join(this.#directory, name))
      const body = file.subarray(MAC_BYTES)
      const mac = file.subarray(0, MAC_BYTES)
      return mac.length === MAC_BYTES && timingSafeEqual(mac, this.#mac(name, body)) ? body : undefined
    } catch {
      return undefined
    }
  }

  #mac(name: string, body: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(name).update(body).digest()
  }

  #add(name: string, size: number): void {
    this.#files.set(name, size)
    this.#bytes += size
  }

  #forget(name: string): void {
    this.#bytes -= this.#files.get(name) ?? 0
    this.#files.delete(name)
  }

  #shrink(): void {
    for (const name of this.#files.keys()) {
      if (this.#bytes <= this.#maxBytes) return
      if (this.#held.has(name)) continue
      this.#forget(name)
      rmSync(join(this.#directory, name), { force: true })
    }
  }
}

/** Name of a cache file: the SHA-256 over all that its content depends on. */
export function cacheName(parts: Readonly<Record<string, string>>): string {
  return hash('sha256', JSON.stringify(Object.entries(parts).sort()))
}
