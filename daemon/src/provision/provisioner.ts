import {
  type Digest,
  digestOf,
  type Entry,
  EntryKind,
  fromHex,
  kindName,
  type LedgerEntry,
  type LedgerFacts,
  type NodeId,
  TeapotError,
} from '@teapot-network/trust'
import { isShutOut } from '../lattice/isolation.ts'
import type { Log } from '../log.ts'
import { isManifest } from './is-manifest.ts'

/** What is done with verified, measured bytes of one kind. */
export interface Loader {
  load(entry: LedgerEntry, bytes: Uint8Array, context: LoadContext): Promise<void>
  /** Takes out of service what the ledger revoked. */
  unload?(entry: LedgerEntry): Promise<void>
  /** Names of what is still there; what is gone is loaded again. By default everything is. */
  present?(): ReadonlySet<string>
}

/** What a loader is told besides. */
export interface LoadContext {
  readonly signal: AbortSignal
  /** Position of the name's first entry on the ledger: which of several came first. */
  readonly place: number
}

export interface ProvisionerParts {
  self: NodeId
  /** HTTP gateways to ask before the other nodes'. */
  contentPeers: string[]
  fetch(cid: string, options: { peers: string[]; signal: AbortSignal }): Promise<Uint8Array>
  /** Log, fsync, extend (spec/launch.md), and quote anew: a receipt cites evidence that holds its actor. Done before anything is loaded. */
  measure(entry: Entry): Promise<void>
  loaders: { readonly [kind: number]: Loader }
  log: Log
}

/** Brings this box to what the ledger says: fetch by CID, check against the ledger, measure, load: from the ledger to CIDs to content peers. */
export interface Provisioner {
  /** Works through what is current and not loaded. What failed is tried again at the next call. */
  advance(facts: LedgerFacts, signal: AbortSignal): Promise<void>
  /** Whether all current policies and providers are loaded. Neither an actor that nobody has nor an app's manifest holds a node up. */
  ready(): boolean
  /** What is loaded, by name. */
  loaded(): LedgerEntry[]
}

/** Policies before providers before actors: each may need what comes before it. */
const ORDER = [EntryKind.policy, EntryKind.provider, EntryKind.actor] as const

export function createProvisioner(parts: ProvisionerParts): Provisioner {
  const loaded = new Map<string, LedgerEntry>()
  const complaints = new Map<Digest, string>()
  let ready = false

  async function provision(entry: LedgerEntry, facts: LedgerFacts, signal: AbortSignal): Promise<void> {
    const bytes = await parts.fetch(entry.cid, { peers: peersFor(facts, parts), signal })
    const found = digestOf(bytes)
    if (found !== entry.sha256) {
      throw new TeapotError(
        'provision/wrong-bytes',
        `Cannot load ${entry.name}: expected SHA-256 ${entry.sha256} as on the ledger, found ${found} behind ${entry.cid}`,
      )
    }
    const { name, sha256 } = entry
    await parts.measure({ kind: entry.kind as EntryKind, name, sha256, grants: fromHex(entry.grants) })
    const place = facts.entries.findIndex((one) => one.name === name)
    await parts.loaders[entry.kind]!.load(entry, bytes, { signal, place })
    loaded.set(keyOf(entry), entry)
    complaints.delete(entry.digest)
    parts.log.info('loaded', { kind: kindName(entry.kind), name, version: entry.version, cid: entry.cid })
  }

  /** An actor without the manifest that may tighten what it is granted, or ask more of this box, would have more than it should. */
  function requireManifests({ kind, name, publisher }: LedgerEntry, { entries }: LedgerFacts): void {
    const lacks = entries.find(
      (one) => isManifest(one) && one.status === 'current' && one.publisher === publisher && !loaded.has(keyOf(one)),
    )
    if (kind !== EntryKind.actor || lacks === undefined) return
    throw new TeapotError(
      'provision/manifest-missing',
      `Cannot load ${name}: expected every current manifest of its publisher, found none of ${lacks.name}; it is tried again`,
      { kind: 'unavailable' },
    )
  }

  return {
    ready: () => ready,
    loaded: () => [...loaded.values()],
    async advance(facts, signal) {
      for (const entry of loaded.values()) {
        const now = facts.entries.find((other) => other.digest === entry.digest)
        if (now?.status !== 'revoked') continue
        await parts.loaders[entry.kind]!.unload?.(entry)
        loaded.delete(keyOf(entry))
        parts.log.warn('unloaded: revoked on the ledger', { name: entry.name, version: entry.version })
      }
      let missing = 0
      let present: ReadonlySet<string> | undefined
      for (const entry of wanted(facts)) {
        // Actors come last: by now it is known which ones a manifest concerns.
        if (entry.kind === EntryKind.actor) present ??= parts.loaders[entry.kind]?.present?.()
        if (present?.has(entry.name) !== false && loaded.get(keyOf(entry))?.digest === entry.digest) continue
        try {
          requireManifests(entry, facts)
          await provision(entry, facts, signal)
        } catch (error) {
          if (signal.aborted) return
          if (entry.kind !== EntryKind.actor && !isManifest(entry)) missing++
          const { message, code } = error as TeapotError
          if (complaints.get(entry.digest) !== message) {
            parts.log.warn('not loaded yet', { name: entry.name, code, message })
          }
          complaints.set(entry.digest, message)
        }
      }
      ready = missing === 0
    },
  }
}

function keyOf(entry: LedgerEntry): string {
  return `${entry.kind} ${entry.name}`
}

function wanted(facts: LedgerFacts): LedgerEntry[] {
  return ORDER.flatMap((kind) => facts.entries.filter((entry) => entry.kind === kind && entry.status === 'current'))
}

/** Blocks verify themselves, so a Pending node may serve them; who is shut out is asked for nothing. */
function peersFor(facts: LedgerFacts, { self, contentPeers }: ProvisionerParts): string[] {
  const nodes = facts.nodes.filter(({ id, status }) => id !== self && !isShutOut(status))
  return [...contentPeers, ...nodes.map((node) => JSON.parse(node.contact).http as string)]
}
