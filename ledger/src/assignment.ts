import { fromHex, type Hex, type NodeId } from '@teapot-network/trust'
import { keccak256 } from 'viem'
import type { Round } from './facts.ts'
import { entitled } from './round.ts'

/** How many nodes may contribute to a seed. */
const CONTRIBUTORS = 3
const FEISTEL_ROUNDS = 4

/** Whom a round has drawn. */
interface Draw {
  entitled: readonly NodeId[]
  /** Position of each node of the frozen set, by its index. */
  positions: Uint32Array
  /** The nodes of the frozen set by position, `undefined` where one is not eligible. */
  eligible: (NodeId | undefined)[]
  indices: ReadonlyMap<NodeId, number>
}

const draws = new WeakMap<Round, Draw>()

/** Who may vote on `node` this epoch, ascending: the assigned, or all entitled others where those are few (spec/ledger.md §7). */
export function assigned(round: Round, node: NodeId): NodeId[] {
  return (committeeOf(round, node) ?? othersOf(round, node)).toSorted()
}

/** How many equal votes make a quorum on `node` this epoch: two thirds of those who may vote, at least one (spec/ledger.md §7.5). */
export function votesNeeded(round: Round, node: NodeId): number {
  const voters = committeeOf(round, node)?.length ?? countOthers(round, node)
  return Math.max(1, Math.ceil((2 * voters) / 3))
}

/** A round that is closed, as a report about it is judged by what the ledger says now (spec/ledger.md §7.8). */
export function reviewed({ facts, frozenCount }: Round, now: Round): Round {
  const entitledThen = entitled(facts).length
  return { ...now, frozenCount, entitledThen, facts: { ...now.facts, epoch: facts.epoch } }
}

/**
 * Who may contribute to the seed of `epoch`, which is the next one or the one after that (spec/ledger.md §6.5); of the latter it is
 * computed, of the former the ledger says it.
 */
export function contributors(round: Round, epoch: number): NodeId[] {
  const { facts, beacon, frozenCount } = round
  const known = beacon.find((one) => one.epoch === epoch)
  if (epoch !== facts.epoch.number + 2) return known?.contributors ?? []
  const { positions } = drawOf(round)
  return facts.nodes
    .slice(0, frozenCount)
    .map(({ id }, index) => ({ id, position: positions[index]! }))
    .filter(({ position }) => position < CONTRIBUTORS)
    .sort((a, b) => a.position - b.position)
    .map(({ id }) => id)
}

/**
 * Where each of `size` indices stands once shuffled by a seed: a Feistel network of four rounds over the smallest even number of bits that
 * holds them, walked until it stays below `size` (spec/ledger.md §7.3).
 */
export function permutation(seed: Hex, size: number): Uint32Array {
  const halfBits = Math.max(1, Math.ceil(Math.log2(size) / 2))
  const mask = 2 ** halfBits - 1
  const input = new Uint8Array(64)
  input.set(fromHex(seed))
  const view = new DataView(input.buffer)
  const tables = Array.from({ length: FEISTEL_ROUNDS }, (_, round) => {
    input[47] = round
    return Uint32Array.from({ length: mask + 1 }, (_, half) => {
      view.setUint32(60, half)
      return new DataView(keccak256(input, 'bytes').buffer).getUint32(28) & mask
    })
  })
  const shuffle = (value: number): number => {
    let [left, right] = [value >>> halfBits, value & mask]
    for (const table of tables) [left, right] = [right, left ^ table[right]!]
    return left * (mask + 1) + right
  }
  return Uint32Array.from({ length: size }, (_, index) => {
    let position = shuffle(index)
    while (position >= size) position = shuffle(position)
    return position
  })
}

/** The committee drawn for `node`; `undefined` where too few are eligible to draw from, or not more than a committee could vote. */
function committeeOf(round: Round, node: NodeId): NodeId[] | undefined {
  if (countOthers(round, node) <= round.committee) return undefined
  const { positions, eligible, indices } = drawOf(round)
  const size = eligible.length
  const start = (positions[indices.get(node) ?? size] ?? -1) + 1
  const drawn: NodeId[] = []
  for (let step = 0; step < size && drawn.length < round.committee; step++) {
    const id = eligible[(start + step) % size]
    if (id !== undefined && id !== node) drawn.push(id)
  }
  return drawn.length < round.committee ? undefined : drawn
}

function othersOf(round: Round, node: NodeId): NodeId[] {
  return drawOf(round).entitled.filter((id) => id !== node && !isNewcomer(round, id))
}

function countOthers(round: Round, node: NodeId): number {
  const { entitled } = drawOf(round)
  const { entitledThen = Number.POSITIVE_INFINITY } = round
  const among = entitled.includes(node)
  const then = among && !isNewcomer(round, node) ? entitledThen - 1 : entitledThen
  return Math.min(then, among ? entitled.length - 1 : entitled.length)
}

/** Entitled only since an epoch that is closed had begun. */
function isNewcomer({ entitledThen, standings, facts }: Round, node: NodeId): boolean {
  return entitledThen !== undefined && standings.get(node)!.entitledSince > facts.epoch.number
}

function drawOf(round: Round): Draw {
  const known = draws.get(round)
  if (known) return known
  const { facts, standings, frozenCount } = round
  const positions = shuffled(facts.epoch.seed, frozenCount)
  const able = new Set(entitled(facts).map(({ id }) => id))
  const eligible: Draw['eligible'] = Array(frozenCount)
  const indices = new Map(facts.nodes.map(({ id }, index) => [id, index]))
  for (const [index, position] of positions.entries()) {
    const { id } = facts.nodes[index]!
    const since = standings.get(id)!.entitledSince
    eligible[position] = able.has(id) && since < facts.epoch.number ? id : undefined
  }
  const draw = { entitled: [...able], positions, eligible, indices }
  draws.set(round, draw)
  return draw
}

/** The last two, as every block asks for the present epoch's and a report may for the one before. */
const shuffles = new Map<string, Uint32Array>()

function shuffled(seed: Hex, size: number): Uint32Array {
  const key = `${seed} ${size}`
  const positions = shuffles.get(key) ?? permutation(seed, size)
  shuffles.delete(key)
  shuffles.set(key, positions)
  if (shuffles.size > 2) shuffles.delete(shuffles.keys().next().value!)
  return positions
}
