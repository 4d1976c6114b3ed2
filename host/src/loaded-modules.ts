import type { HostLimits } from './limits.ts'
import type { Release } from './release.ts'

interface Loaded {
  readonly release: Release
  readonly size: number
  usedAt: number
}

/** Which modules a sandbox has, and which of them it has not been asked for in a while. */
export class LoadedModules {
  readonly #limits: Pick<HostLimits, 'modules' | 'modulesBytes'>
  readonly #modules = new Map<number, Loaded>()
  #bytes = 0
  #uses = 0

  constructor(limits: Pick<HostLimits, 'modules' | 'modulesBytes'>) {
    this.#limits = limits
  }

  has(handle: number): boolean {
    return this.#modules.has(handle)
  }

  /** Notes a use. @returns false when it is not there */
  use(handle: number): boolean {
    const module = this.#modules.get(handle)
    if (module === undefined) return false
    module.usedAt = ++this.#uses
    return true
  }

  add(release: Release, size: number): void {
    this.#modules.set(release.handle, { release, size, usedAt: ++this.#uses })
    this.#bytes += size
  }

  /** @returns whether it was there */
  delete(handle: number): boolean {
    this.#bytes -= this.#modules.get(handle)?.size ?? 0
    return this.#modules.delete(handle)
  }

  /**
   * Takes out what was unused for longest until another of `size` bytes fits; never one that has calls, so that a sandbox may
   * hold more for a while.
   * @returns handles of what the sandbox is to drop
   */
  makeRoom(size: number): number[] {
    const { modules, modulesBytes } = this.#limits
    if (this.#modules.size < modules && this.#bytes + size <= modulesBytes) return []
    const dropped: number[] = []
    const unused = [...this.#modules.values()].filter(({ release }) => release.active === 0)
    for (const { release } of unused.sort((a, b) => a.usedAt - b.usedAt)) {
      if (this.#modules.size < modules && this.#bytes + size <= modulesBytes) break
      this.delete(release.handle)
      dropped.push(release.handle)
    }
    return dropped
  }
}
