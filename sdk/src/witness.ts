import {
  decodeCbor,
  fromHex,
  parseCheckpoint,
  parseEvidence,
  runDigest,
  type SignedCheckpoint,
  shapeOf,
  TeapotError,
  verifyCheckpoint,
  verifyConsistency,
} from '@teapot-network/trust'
import { encodeCheckpoint } from '@teapot-network/trust/encode'
import type { LogSource } from './tiles.ts'

/** A checkpoint and the evidence of the run that signed it: two such that contradict each other are what a contract convicts by. */
export interface Witnessed {
  /** COSE_Sign1 with the root as payload (spec/proof.md §4). */
  checkpoint: Uint8Array
  evidence: Uint8Array
}

/** Where a witness keeps the newest checkpoint of each origin, named `<node>.<log>`. */
export interface WitnessStore {
  get(origin: string): Promise<Witnessed | undefined>
  put(origin: string, seen: Witnessed): Promise<void>
}

/** Hashes that show the tree of `from` leaves to be a prefix of that of `to` leaves; see {@link nodeConsistency} and `readTiles`. */
export type FetchConsistency = (from: number, to: number) => Promise<Uint8Array[]>

/** Remembers what nodes said of their logs, and holds them to it. */
export interface Witness {
  /**
   * Takes note of a checkpoint, that of a receipt (`receiptCheckpoint`) or a published one (`parseCheckpoint`). Call it only with evidence that was
   * found genuine: whoever could make up evidence could else make a node look forked.
   * @throws TeapotError `sdk/checkpoint-unsigned`, `sdk/log-forked`; Equivocation; what `fetchConsistency` rejects with
   */
  see(checkpoint: SignedCheckpoint, evidence: Uint8Array, fetchConsistency: FetchConsistency): Promise<void>
}

/** A node signed two different checkpoints under one number: a proof against it, to be brought on chain. */
export class Equivocation extends TeapotError {
  readonly first: Witnessed
  readonly second: Witnessed

  constructor(checkpoint: SignedCheckpoint, first: Witnessed, second: Witnessed) {
    super(
      'sdk/equivocation',
      `Cannot trust ${originOf(checkpoint)}: expected one checkpoint ${checkpoint.sequence}, found two that differ, both signed; bring them to the ledger`,
    )
    this.first = first
    this.second = second
  }
}

/** Makes a witness. Without a store it remembers for as long as it lives. */
export function createWitness(store: WitnessStore = memoryStore()): Witness {
  /** Those who wait, by origin: whoever comes last holds the place. */
  const turns = new Map<string, Promise<void>>()

  async function take(checkpoint: SignedCheckpoint, evidence: Uint8Array, fetch: FetchConsistency): Promise<void> {
    const origin = originOf(checkpoint)
    const seen = { checkpoint: encodeCheckpoint(checkpoint), evidence }
    const held = await store.get(origin)
    if (held === undefined) return store.put(origin, seen)
    const before = parseCheckpoint(held.checkpoint)
    const { sequence, size, root, previousRoot } = checkpoint
    if (before.sequence === sequence) {
      if (before.size === size && before.root === root && before.previousRoot === previousRoot) return
      throw new Equivocation(checkpoint, held, seen)
    }
    if (before.sequence > sequence) return requireExtends(checkpoint, before, fetch)
    await requireExtends(before, checkpoint, fetch)
    await store.put(origin, seen)
  }

  return {
    async see(checkpoint, evidence, fetchConsistency) {
      await requireSigned(checkpoint, evidence)
      const origin = originOf(checkpoint)
      const before = turns.get(origin)?.catch(() => {})
      const turn = Promise.resolve(before).then(() => take(checkpoint, evidence, fetchConsistency))
      turns.set(origin, turn)
      const forget = () => turns.get(origin) === turn && turns.delete(origin)
      turn.then(forget, forget)
      return turn
    },
  }
}

const shape = shapeOf('sdk/bad-answer', 'consistency proof')

/** Asks a node for consistency of its log. @throws TeapotError `sdk/bad-answer`, `cbor/malformed` for anything but a CBOR array of hashes */
export function nodeConsistency(source: LogSource): FetchConsistency {
  return async (from, to) => {
    const hashes = shape.array(decodeCbor(await source(`consistency?from=${from}&to=${to}`)), 'hashes')
    return hashes.map((hash) => shape.bytes(hash, 'hash', 32))
  }
}

function memoryStore(): WitnessStore {
  const held = new Map<string, Witnessed>()
  return {
    get: async (origin) => held.get(origin),
    put: async (origin, seen) => void held.set(origin, seen),
  }
}

function originOf({ node, log }: SignedCheckpoint): string {
  return `${node}.${log}`
}

async function requireSigned(checkpoint: SignedCheckpoint, evidence: Uint8Array): Promise<void> {
  const { node, keys } = parseEvidence(evidence)
  const isOfRun = node === checkpoint.node && runDigest(keys) === checkpoint.run
  if (isOfRun && (await verifyCheckpoint(checkpoint, fromHex(keys.receipt)))) return
  throw new TeapotError(
    'sdk/checkpoint-unsigned',
    `Cannot witness checkpoint ${checkpoint.sequence} of ${originOf(checkpoint)}: expected the signature of the run in the evidence, found another`,
  )
}

async function requireExtends(older: SignedCheckpoint, newer: SignedCheckpoint, fetch: FetchConsistency) {
  const isChained = newer.sequence > older.sequence + 1 || newer.previousRoot === older.root
  const needsPath = older.size > 0 && older.size < newer.size
  const path = needsPath ? await fetch(older.size, newer.size) : []
  if (isChained && verifyConsistency(older.size, fromHex(older.root), newer.size, fromHex(newer.root), path)) return
  throw new TeapotError(
    'sdk/log-forked',
    `Cannot trust ${originOf(newer)}: expected checkpoint ${newer.sequence} (${newer.size} leaves) to extend ${older.sequence} (${older.size} leaves), ` +
      `found no proof of it; ask for the proof again, or call another node`,
  )
}
