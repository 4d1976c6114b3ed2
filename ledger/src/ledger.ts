import type { Digest, EpochRecord, LedgerEntry, LedgerFacts } from '@teapot-network/trust'
import { encodeFunctionData } from 'viem'
import { codeRegistryAbi } from './contracts.gen.ts'
import type { Deployment } from './deployment.ts'
import { createEndpoints, known, type LedgerOptions, type Reading } from './endpoints.ts'
import { readEpochs } from './epochs.ts'
import {
  currentCall,
  decodeCurrent,
  decodeEntries,
  decodeEntry,
  decodeNodes,
  decodeReferenceValues,
  type Round,
} from './facts.ts'
import type { BlockHeader } from './rpc.ts'
import { createTable } from './table.ts'

/** A block as named in evidence. */
export interface BlockRef {
  number: number
  hash: Digest
  /** Seconds since 1970. */
  timestamp: number
}

/** Reads a network's state. Whatever comes from one call was read at one block. */
export interface Ledger {
  readonly deployment: Deployment
  readonly rpcUrls: readonly string[]
  /**
   * All facts at the newest block that has the wanted confirmations, or at `block`. Nothing is fetched but the head while no
   * new block came; a registry is decoded anew only when its answer changed.
   * @throws TeapotError `ledger/unreachable`, `ledger/endpoints-disagree`, `ledger/unknown-block`, `ledger/malformed-answer`,
   *   `ledger/wrong-chain`, `ledger/no-contract`, `ledger/rpc-error`
   */
  readFacts(options?: ReadOptions): Promise<LedgerFacts>
  /** As {@link Ledger.readFacts}, with the standings that {@link nextStatus} asks for. */
  readRound(options?: ReadOptions): Promise<Round>
  /** The release measured as `digest`, `undefined` if the registry never held one. Same errors. */
  readEntry(digest: Digest, options?: ReadOptions): Promise<LedgerEntry | undefined>
  /** Those of the epochs from `first` to `last` that are closed at the block read at. Same errors. */
  readEpochs(first: number, last: number, options?: ReadOptions): Promise<EpochRecord[]>
  /** The block of that number, `undefined` if the chain has none yet. Same errors. */
  readBlock(number: number, options?: { signal?: AbortSignal }): Promise<BlockRef | undefined>
}

/** @see Ledger.readFacts */
export interface ReadOptions {
  signal?: AbortSignal | undefined
  /** Number of the block to read at; default the newest that has the wanted confirmations. */
  block?: number | undefined
}

/** Opens a network's ledger for reading. Nothing is asked until the first read. */
export function createLedger(options: LedgerOptions): Ledger {
  const { deployment, rpcUrls, confirmations = 1 } = options
  const endpoints = createEndpoints(options)
  const entries = createTable(endpoints, 'codeRegistry', decodeEntries)
  const referenceValues = createTable(endpoints, 'referenceValues', decodeReferenceValues)
  const nodes = createTable(endpoints, 'nodeRegistry', decodeNodes)
  let cached: Round | undefined

  async function pin(block: number | undefined, signal: AbortSignal | undefined): Promise<BlockHeader> {
    if (block !== undefined) return known(await endpoints.header(block, signal), block)
    const head = await endpoints.commonHead(signal)
    if (confirmations === 1 && rpcUrls.length === 1) return head
    const number = head.number - confirmations + 1
    const header = number < deployment.deployedBlock ? undefined : await endpoints.header(number, signal)
    return known(header, Math.max(number, deployment.deployedBlock))
  }

  async function readingOf({ block, signal: caller }: ReadOptions): Promise<Reading & BlockHeader> {
    const signal = joined(options.signal, caller)
    return { ...(await pin(block, signal)), signal, agreed: rpcUrls.length }
  }

  async function readRound(read: ReadOptions = {}): Promise<Round> {
    const reading = await readingOf(read)
    const { number, hash, timestamp } = reading
    if (cached?.facts.block.hash === hash) return cached
    const [current, codeEntries, values, listed] = await Promise.all([
      endpoints.call('attestation', currentCall, reading).then(decodeCurrent),
      entries.read(reading),
      referenceValues.read(reading),
      nodes.read(reading),
    ])
    const { number: epoch, seed, openedAt, ...rest } = current
    const round: Round = {
      ...rest,
      facts: {
        chainId: deployment.chainId,
        registry: deployment.nodeRegistry,
        block: { number, hash, timestamp },
        epoch: { number: epoch, seed, openedAt },
        referenceValues: values,
        entries: codeEntries,
        nodes: listed.map(({ node }) => node),
        endpoints: { agreed: reading.agreed, asked: rpcUrls.length },
      },
      standings: new Map(listed.map(({ node, standing }) => [node.id, standing])),
    }
    if (read.block === undefined) cached = round
    return round
  }

  return {
    deployment,
    rpcUrls,
    readRound,
    async readFacts(read) {
      return (await readRound(read)).facts
    },
    async readEntry(digest, read = {}) {
      const data = encodeFunctionData({ abi: codeRegistryAbi, functionName: 'entry', args: [digest] })
      return decodeEntry(await endpoints.call('codeRegistry', data, await readingOf(read)))
    },
    async readEpochs(first, last, read = {}) {
      return readEpochs(endpoints, first, last, await readingOf(read))
    },
    async readBlock(number, read = {}) {
      const header = await endpoints.header(number, joined(options.signal, read.signal))
      return header && { number, hash: header.hash, timestamp: header.timestamp }
    },
  }
}

function joined(a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined {
  return a && b ? AbortSignal.any([a, b]) : (a ?? b)
}
