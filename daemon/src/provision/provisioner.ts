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
import type { Log } from '../log.ts'

/** What is done with verified, measured bytes of one kind. */
export interface Loader {
  load(entry: LedgerEntry, bytes: Uint8Array, signal: AbortSignal): Promise<void>
  /** Takes out of service what the ledger revoked. */
  unload?(entry: LedgerEntry): Promise<void>
}

export interface ProvisionerParts {
  self: NodeId
  /** HTTP gateways to ask before the other nodes'. */
  contentPeers: string[]
  fetch(cid: string, options: { peers: string[]; signal: AbortSignal }): Promise<Uint8Array>
  /** Log, fsync, extend (spec/launch.md), and quote anew: a receipt cites evidence that holds its actor. Done before anything is loaded. */
  measure(entry: Entry): Promise<void>
  loaders: { [kind: number]: Loader }
  log: Log
}

/** Brings this box to what the ledger says: fetch by CID, check against the ledger, measure, load: from the ledger to CIDs to content peers. */
export interface Provisioner {
  /** Works through what is current and not loaded. What failed is tried again at the next call. */
  advance(facts: LedgerFacts, signal: AbortSignal): Promise<void>
  /** Whether all current policies and providers are loaded. An actor that nobody has holds no node up. */
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
    await parts.loaders[entry.kind]!.load(entry, bytes, signal)
    loaded.set(keyOf(entry), entry)
    complaints.delete(entry.digest)
    parts.log.info('loaded', { kind: kindName(entry.kind), name, version: entry.version, cid: entry.cid })
  }

  return {
    ready: () => ready,
    loaded: () => [...loaded.values()],
    async advance(facts, signal) {
      let missing = 0
      for (const entry of wanted(facts)) {
        if (loaded.get(keyOf(entry))?.digest === entry.digest) continue
        try {
          await provision(entry, facts, signal)
        } catch (error) {
          if (signal.aborted) return
          if (entry.kind !== EntryKind.actor) missing++
          const { message } = error as Error
          if (complaints.get(entry.digest) !== message) parts.log.warn('not loaded yet', { name: entry.name, message })
          complaints.set(entry.digest, message)
        }
      }
      for (const entry of loaded.values()) {
        const now = facts.entries.find((other) => other.digest === entry.digest)
        if (now?.status !== 'revoked') continue
        await parts.loaders[entry.kind]!.unload?.(entry)
        loaded.delete(keyOf(entry))
        parts.log.warn('unloaded: revoked on the ledger', { name: entry.name, version: entry.version })
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

/** Blocks verify themselves, so a Pending node may serve them; a quarantined one is shut out. */
function peersFor(facts: LedgerFacts, { self, contentPeers }: ProvisionerParts): string[] {
  const nodes = facts.nodes.filter(
    (node) => node.id !== self && node.status !== 'quarantined' && node.status !== 'retired',
  )
  return [...contentPeers, ...nodes.map((node) => JSON.parse(node.contact).http as string)]
}
