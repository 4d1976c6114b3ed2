import type { Address, Hex, LedgerEntry, LedgerFacts, NodeId, NodeRecord, ReferenceValue } from '@teapot-network/trust'
import { APPROVED_STATUSES, ENTRY_STATUSES, NODE_STATUSES } from '@teapot-network/trust/vote'
import { type ContractFunctionReturnType, decodeFunctionResult, encodeFunctionData } from 'viem'
import { attestationAbi, codeRegistryAbi, nodeRegistryAbi, referenceValuesAbi } from './contracts.gen.ts'
import { malformed } from './rpc.ts'

/** The facts of one block with what a reporter of votes needs beside them. */
export interface Round {
  facts: LedgerFacts
  minEpochSeconds: number
  standings: ReadonlyMap<NodeId, Standing>
  /** K: so many are assigned to each node where more could vote (spec/ledger.md §7.4). */
  committee: number
  /** The first so many nodes of {@link LedgerFacts.nodes} are the frozen set of this epoch. */
  frozenCount: number
  /** Only of an epoch that is closed: how many were entitled then. @see reviewed */
  entitledThen?: number
  /** What a bond must hold, below which a node is not entitled. */
  minBondWei: bigint
  /** The seeds being made: of the next epoch, to which nodes now reveal, and of the one after, to which they commit. */
  beacon: readonly Beacon[]
}

/** Who takes part in making one seed (spec/ledger.md §6). */
export interface Beacon {
  /** Whose seed. */
  epoch: number
  contributors: NodeId[]
  committed: NodeId[]
  revealed: NodeId[]
}

/** What the votes of earlier epochs left on a node, beside its status. */
export interface Standing {
  /** Last epoch whose votes touched the node; 0 if none did. */
  lastEpoch: number
  /** Those votes were for silence. */
  silent: boolean
  /** First epoch in all of which the node is entitled to vote, of the genesis set that of its registration; means nothing while it is not. */
  entitledSince: number
  /** Its bond is what it must be: without, votes do not make it Active. */
  bonded: boolean
  /** Another node was Active with its EK before: votes do not make it Active either. */
  ekTaken: boolean
}

/** One page of a contract's list, decoded. */
export interface Page<T> {
  items: T[]
  revision: bigint
}

type CodeEntry = ContractFunctionReturnType<typeof codeRegistryAbi, 'view', 'list'>[0][number]
type Value = ContractFunctionReturnType<typeof referenceValuesAbi, 'view', 'list'>[0][number]
type CurrentBeacon = ContractFunctionReturnType<typeof attestationAbi, 'view', 'current'>['beacons'][number]
type Node = ContractFunctionReturnType<typeof nodeRegistryAbi, 'view', 'list'>[0][number]

/** The call `list(offset, limit)`, the same in all three registries. */
export function encodeList(offset: number, limit: number): Hex {
  return encodeFunctionData({ abi: codeRegistryAbi, functionName: 'list', args: [BigInt(offset), BigInt(limit)] })
}

/** The call `current()` of Attestation. */
export const currentCall = encodeFunctionData({ abi: attestationAbi, functionName: 'current' })

/** @throws TeapotError `ledger/malformed-answer`, as do the others here */
export function decodeEntries(data: Hex): Page<LedgerEntry> {
  return decoded('CodeRegistry.list', () => {
    const [items, revision] = decodeFunctionResult({ abi: codeRegistryAbi, functionName: 'list', data })
    return { items: items.map(toEntry), revision }
  })
}

/** Reads the answer to `CodeRegistry.entry`; `undefined` if no such release was ever published. */
export function decodeEntry(data: Hex): LedgerEntry | undefined {
  return decoded('CodeRegistry.entry', () => {
    const entry = decodeFunctionResult({ abi: codeRegistryAbi, functionName: 'entry', data })
    return entry.status === 0 ? undefined : toEntry(entry)
  })
}

/** Reads the answer to `ReferenceValues.list`. */
export function decodeReferenceValues(data: Hex): Page<ReferenceValue> {
  return decoded('ReferenceValues.list', () => {
    const [items, revision] = decodeFunctionResult({ abi: referenceValuesAbi, functionName: 'list', data })
    return { items: items.map(toReferenceValue), revision }
  })
}

/** Reads the answer to `NodeRegistry.list`. */
export function decodeNodes(data: Hex): Page<{ node: NodeRecord; standing: Standing }> {
  return decoded('NodeRegistry.list', () => {
    const [items, revision] = decodeFunctionResult({ abi: nodeRegistryAbi, functionName: 'list', data })
    return { items: items.map(toNode), revision }
  })
}

/** Reads the answer to `Attestation.current`. */
export function decodeCurrent(data: Hex): LedgerFacts['epoch'] & Omit<Round, 'facts' | 'standings'> {
  return decoded('Attestation.current', () => {
    const { epoch, openedAt, beacons, ...rest } = decodeFunctionResult({
      abi: attestationAbi,
      functionName: 'current',
      data,
    })
    return { ...rest, number: epoch, openedAt: toNumber(openedAt), beacon: beacons.map(toBeacon) }
  })
}

function toEntry(entry: CodeEntry): LedgerEntry {
  return {
    digest: entry.digest,
    kind: entry.kind,
    name: entry.name,
    version: toNumber(entry.version),
    sha256: entry.sha256Digest,
    cid: entry.cid,
    grants: entry.grants,
    status: oneOf(ENTRY_STATUSES, entry.status),
    sinceBlock: toNumber(entry.sinceBlock),
    publisher: entry.publisher.toLowerCase() as Address,
  }
}

function toReferenceValue(value: Value): ReferenceValue {
  return {
    r: value.r,
    release: value.release,
    platform: value.platform,
    status: oneOf(APPROVED_STATUSES, value.status),
    sinceBlock: toNumber(value.sinceBlock),
  }
}

function toNode(node: Node): { node: NodeRecord; standing: Standing } {
  const { status: code, genesis, boot, sinceBlock, index: _, ...standing } = node.standing
  const status = oneOf(NODE_STATUSES, code)
  return {
    node: {
      id: node.id as NodeId,
      operator: node.operator.toLowerCase() as Address,
      status,
      statusSince: sinceBlock,
      genesis,
      akX: node.akX,
      akY: node.akY,
      ekDigest: node.ekDigest,
      voteKey: `0x04${node.voteKeyX.slice(2)}${node.voteKeyY.slice(2)}`,
      contact: node.contact,
      quarantinedBoot: status === 'suspect' || status === 'quarantined' ? boot : 0,
    },
    standing: { ...standing, ekTaken: BigInt(node.ekHolder) !== 0n && node.ekHolder !== node.id },
  }
}

function toBeacon({ epoch, contributors, committed, revealed }: CurrentBeacon): Beacon {
  const ids = contributors as readonly NodeId[]
  const marked = (bits: number): NodeId[] => ids.filter((_, position) => (bits >> position) & 1)
  return { epoch, contributors: [...ids], committed: marked(committed), revealed: marked(revealed) }
}

/** Of the contracts' enums, where 0 is none. */
function oneOf<T extends string>(names: readonly T[], value: number): T {
  const name = names[value - 1]
  if (name === undefined) throw new RangeError(`unknown status ${value}`)
  return name
}

function toNumber(value: bigint): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is above 2^53`)
  return number
}

function decoded<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw malformed(what, 'what its ABI says', (cause as Error).message.split('\n')[0])
  }
}
