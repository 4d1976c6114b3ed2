import { type ActorRelease, HostError } from './host-error.ts'
import type { Release } from './release.ts'

/** What is loaded, by name, and the lowest version that may still be (spec/host.md §1.5). */
export class Releases {
  readonly #current = new Map<string, Release>()
  readonly #lowest = new Map<string, Pick<ActorRelease, 'publisher' | 'version' | 'digest'>>()

  get(name: string): Release | undefined {
    return this.#current.get(name)
  }

  get all(): Release[] {
    return [...this.#current.values()]
  }

  /** @throws HostError `host/publisher-mismatch`, `host/version-rollback` */
  check({ name, publisher, version, digest }: ActorRelease): void {
    const lowest = this.#lowest.get(name)
    if (lowest === undefined) return
    if (lowest.publisher !== publisher)
      throw new HostError(
        'host/publisher-mismatch',
        `Expected ${name} from ${lowest.publisher}, found it from ${publisher}`,
      )
    if (version < lowest.version || (version === lowest.version && digest !== lowest.digest))
      throw new HostError(
        'host/version-rollback',
        `Expected a version of ${name} above ${lowest.version}, found ${version}; publish the change as a newer version`,
      )
  }

  /** @returns what it takes over from */
  install(release: Release): Release | undefined {
    const { name, publisher, version, digest } = release
    const before = this.#current.get(name)
    this.#lowest.set(name, { publisher, version, digest })
    this.#current.set(name, release)
    return before
  }

  /** @returns what was loaded under the name */
  remove(name: string): Release | undefined {
    const release = this.#current.get(name)
    this.#current.delete(name)
    return release
  }

  /**
   * The actor that claims a public key. Anybody can claim any: so it is one of the caller's own publisher, or one that the caller
   * was granted by its name.
   */
  actorOfKey(key: string, caller: ActorRelease): string | undefined {
    for (const { name, publisher, claims } of this.#current.values())
      if (claims?.subject === key && (publisher === caller.publisher || caller.grants.includes(`actor:${name}`)))
        return name
    return undefined
  }
}
