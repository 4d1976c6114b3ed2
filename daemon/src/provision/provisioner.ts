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
  /** Log, fsync, extend (spec/launch.md); done before anything is loaded. Resolves whether the entry is new in this boot. */
  measure(entry: Entry): Promise<boolean>
  loaders: { [kind: number]: Loader }
  log: Log
}

/** Brings this box to what the ledger says: fetch by CID, check against the ledger, measure, load (DESIGN §5.5). */
export interface Provisioner {
  /** Works through what is current and not loaded. Resolves whether anything new was measured. A failed item is tried again at the next call. */
  advance(facts: LedgerFacts, signal: AbortSignal): Promise<boolean>
  /** Whether everything current at the last call is loaded. */
  complete(): boolean
  /** What is loaded, by name. */
  loaded(): LedgerEntry[]
}

/** Policies before providers before actors: each may need what comes before it. */
const ORDER = [EntryKind.policy, EntryKind.provider, EntryKind.actor] as const

export function createProvisioner(parts: ProvisionerParts): Provisioner {
  const loaded = new Map<string, LedgerEntry>()
  const complaints = new Map<Digest, string>()
  let complete = false

  async function provision(entry: LedgerEntry, facts: LedgerFacts, signal: AbortSignal): Promise<boolean> {
    const bytes = await parts.fetch(entry.cid, { peers: peersFor(facts, parts), signal })
    const found = digestOf(bytes)
    if (found !== entry.sha256) {
      throw new TeapotError(
        'provision/wrong-bytes',
        `Cannot load ${entry.name}: expected SHA-256 ${entry.sha256} as on the ledger, found ${found} behind ${entry.cid}`,
      )
    }
    const { name, sha256 } = entry
    const isNew = await parts.measure({ kind: entry.kind as EntryKind, name, sha256, grants: fromHex(entry.grants) })
    await parts.loaders[entry.kind]!.load(entry, bytes, signal)
    loaded.set(keyOf(entry), entry)
    complaints.delete(entry.digest)
    parts.log.info('loaded', { kind: kindName(entry.kind), name, version: entry.version, cid: entry.cid })
    return isNew
  }

  return {
    complete: () => complete,
    loaded: () => [...loaded.values()],
    async advance(facts, signal) {
      let measured = false
      let missing = 0
      for (const entry of wanted(facts)) {
        if (loaded.get(keyOf(entry))?.digest === entry.digest) continue
        try {
          measured = (await provision(entry, facts, signal)) || measured
        } catch (error) {
          missing++
          if (signal.aborted) break
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
      complete = missing === 0
      return measured
    },
  }
}

function keyOf(entry: LedgerEntry): string {
  return `${entry.kind} ${entry.name}`
}

function wanted(facts: LedgerFacts): LedgerEntry[] {
  return ORDER.flatMap((kind) => facts.entries.filter((entry) => entry.kind === kind && entry.status === 'current'))
}

/** Blocks verify themselves, so a Pending node may serve them; a quarantined one is shut out (DESIGN §1.2). */
function peersFor(facts: LedgerFacts, { self, contentPeers }: ProvisionerParts): string[] {
  const nodes = facts.nodes.filter((node) => node.id !== self && node.status !== 'quarantined' && node.status !== 'retired')
  return [...contentPeers, ...nodes.map((node) => JSON.parse(node.contact).http as string)]
}
