import type { Isolation } from '@teapot-network/host'
import { type Assurance, type LedgerEntry, TeapotError } from '@teapot-network/trust'
import {
  type AppActor,
  type AppManifest,
  type AppRoute,
  CONFIDENTIALITY,
  INTEGRITY,
  ISOLATION,
} from '@teapot-network/trust/app'

/** Which actor answers under a path of an app: `/apps/<app>/<path>`. */
export interface Route extends AppRoute {
  readonly app: string
}

/** What this box is worth, to be held against an app's floor. */
export interface Standing extends Assurance {
  readonly isolation: Isolation
}

interface Held {
  readonly entry: LedgerEntry
  readonly manifest: AppManifest
  /** Position of the name's first entry on the ledger. */
  readonly place: number
}

/**
 * The manifests that are current, and which of them applies to an actor: one of the same publisher that names it, and of several
 * that which was on the ledger first, whenever this box got to know them (spec/host.md §7.4).
 */
export class Manifests {
  readonly #held = new Map<string, Held>()

  /** @returns actors that it applies to, or applied to before */
  set(entry: LedgerEntry, manifest: AppManifest, place: number): ReadonlySet<string> {
    const before = this.#held.get(entry.name)
    this.#held.set(entry.name, { entry, manifest, place })
    return namesIn(before?.manifest, manifest)
  }

  /** @returns actors that it applied to */
  remove(entry: LedgerEntry): ReadonlySet<string> {
    const before = this.#held.get(entry.name)
    this.#held.delete(entry.name)
    return namesIn(before?.manifest)
  }

  /** The manifest that applies to an actor, with what it says of it. */
  of({ name, publisher }: LedgerEntry): { manifest: AppManifest; actor: AppActor } | undefined {
    const [first] = this.#naming(name, publisher)
    return first && { manifest: first.manifest, actor: actorIn(first.manifest, name)! }
  }

  /** Of those that name an actor of their own publisher, what does not apply to it: for a warning. */
  refused({ name, publisher }: LedgerEntry): string[] {
    return this.#naming(name, publisher)
      .slice(1)
      .map(({ entry }) => entry.name)
  }

  /** Routes to actors, as far as the manifest that has the route applies to the actor. */
  routes(actors: ReadonlyMap<string, LedgerEntry>): Route[] {
    return [...this.#held.values()].flatMap(({ manifest }) =>
      manifest.routes.flatMap((route) => {
        const actor = actors.get(route.actor)
        return actor && this.of(actor)?.manifest === manifest ? [{ app: manifest.name, ...route }] : []
      }),
    )
  }

  #naming(actor: string, publisher: string): Held[] {
    return [...this.#held.values()]
      .filter(({ entry, manifest }) => entry.publisher === publisher && actorIn(manifest, actor) !== undefined)
      .sort((a, b) => a.place - b.place)
  }
}

/**
 * Whether an actor may run here under its manifest.
 * @throws TeapotError `provision/below-floor`, `provision/older-than-manifest`
 */
export function checkManifest(
  { name, version }: LedgerEntry,
  { manifest, actor }: { manifest: AppManifest; actor: AppActor },
  standing: Standing,
): void {
  const { floor } = manifest
  requireLevel(manifest, 'integrity', INTEGRITY, floor.integrity, standing.integrity)
  requireLevel(manifest, 'confidentiality', CONFIDENTIALITY, floor.confidentiality, standing.confidentiality)
  requireLevel(manifest, 'isolation', ISOLATION, floor.isolation, standing.isolation)
  if (version >= actor.minVersion) return
  throw new TeapotError(
    'provision/older-than-manifest',
    `Cannot run ${name} v${version}: expected v${actor.minVersion} or newer as app ${manifest.name} asks, found an older one; publish the actor first`,
  )
}

function requireLevel<Level>(
  { name }: AppManifest,
  what: string,
  levels: readonly Level[],
  least: Level,
  found: Level,
): void {
  if (levels.indexOf(found) >= levels.indexOf(least)) return
  throw new TeapotError(
    'provision/below-floor',
    `Cannot run app ${name} here: expected ${what} ${least} or more, found ${found}; other nodes may reach it`,
    { kind: 'unavailable' },
  )
}

function actorIn(manifest: AppManifest, name: string): AppActor | undefined {
  return manifest.actors.find((actor) => actor.name === name)
}

function namesIn(...manifests: (AppManifest | undefined)[]): ReadonlySet<string> {
  return new Set(manifests.flatMap((manifest) => manifest?.actors.map(({ name }) => name) ?? []))
}
