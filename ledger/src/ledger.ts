import {
  type Digest,
  type Hex,
  type LedgerEntry,
  type LedgerFacts,
  type NodeId,
  TeapotError,
} from '@teapot-network/trust'
import { encodeFunctionData } from 'viem'
import { codeRegistryAbi } from './contracts.gen.ts'
import type { ContractName, Deployment } from './deployment.ts'
import {
  currentCall,
  decodeCurrent,
  decodeEntries,
  decodeEntry,
  decodeNodes,
  decodeReferenceValues,
  encodeList,
  type Page,
  type Standing,
} from './facts.ts'
import { type BlockHeader, createRpc, ofChain, parseBytes, type Rpc, RpcError, readHeader } from './rpc.ts'

/** A block as named in evidence. */
export interface BlockRef {
  number: number
  hash: Digest
  /** Seconds since 1970. */
  timestamp: number
}

/** The facts of one block with what a reporter of votes needs beside them. */
export interface Round {
  facts: LedgerFacts
  minEpochSeconds: number
  standings: ReadonlyMap<NodeId, Standing>
  /** K: so many are assigned to each node where more could vote (spec/ledger.md §7.4). */
  committee: number
  /** The first so many nodes of {@link LedgerFacts.nodes} are the frozen set of this epoch. */
  frozenCount: number
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
  /** The block of that number, `undefined` if the chain has none yet. Same errors. */
  readBlock(number: number, options?: { signal?: AbortSignal }): Promise<BlockRef | undefined>
}

/** @see Ledger.readFacts */
export interface ReadOptions {
  signal?: AbortSignal | undefined
  /** Number of the block to read at; default the newest that has the wanted confirmations. */
  block?: number | undefined
}

/** @see createLedger */
export interface LedgerOptions {
  /** With several, most must answer, and all that answer must agree on block and content. */
  rpcUrls: readonly string[]
  deployment: Deployment
  /** How many blocks, itself included, make a block final enough to act upon; default 1. */
  confirmations?: number
  timeoutMs?: number
  /** Ends whatever the ledger is waiting for. */
  signal?: AbortSignal
}

/** Reads so many items of a list at a time: some 5 million gas for entries of the usual size. */
const PAGE_SIZE = 200

/** Opens a network's ledger for reading. Nothing is asked until the first read. */
export function createLedger(options: LedgerOptions): Ledger {
  const { deployment, rpcUrls, confirmations = 1 } = options
  const endpoints = createEndpoints(options)
  const entries = createTable(endpoints, deployment, 'codeRegistry', decodeEntries)
  const referenceValues = createTable(endpoints, deployment, 'referenceValues', decodeReferenceValues)
  const nodes = createTable(endpoints, deployment, 'nodeRegistry', decodeNodes)
  let cached: Round | undefined

  async function pin(block: number | undefined, signal: AbortSignal | undefined): Promise<BlockHeader> {
    if (block !== undefined) return known(await endpoints.header(block, signal), block)
    const head = await endpoints.commonHead(signal)
    if (confirmations === 1 && rpcUrls.length === 1) return head
    const number = head.number - confirmations + 1
    const header = number < deployment.deployedBlock ? undefined : await endpoints.header(number, signal)
    return known(header, Math.max(number, deployment.deployedBlock))
  }

  async function readRound(read: ReadOptions = {}): Promise<Round> {
    const signal = joined(options.signal, read.signal)
    const { number, hash, timestamp } = await pin(read.block, signal)
    if (cached?.facts.block.hash === hash) return cached
    const [current, codeEntries, values, listed] = await Promise.all([
      endpoints.call(deployment.attestation, currentCall, hash, signal).then(decodeCurrent),
      entries.read(hash, signal),
      referenceValues.read(hash, signal),
      nodes.read(hash, signal),
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
      const signal = joined(options.signal, read.signal)
      const { hash } = await pin(read.block, signal)
      const data = encodeFunctionData({ abi: codeRegistryAbi, functionName: 'entry', args: [digest] })
      return decodeEntry(await endpoints.call(deployment.codeRegistry, data, hash, signal))
    },
    async readBlock(number, read = {}) {
      const header = await endpoints.header(number, joined(options.signal, read.signal))
      return header && { number, hash: header.hash, timestamp: header.timestamp }
    },
  }
}

interface Endpoints {
  commonHead(signal: AbortSignal | undefined): Promise<BlockHeader>
  header(number: number, signal: AbortSignal | undefined): Promise<BlockHeader | undefined>
  call(to: Hex, data: Hex, blockHash: Digest, signal: AbortSignal | undefined): Promise<Hex>
}

function createEndpoints({ rpcUrls, deployment, timeoutMs = 5_000 }: LedgerOptions): Endpoints {
  const rpcs = rpcUrls.map((url) => ofChain(createRpc(url, { timeoutMs }), deployment.chainId, url))
  const needed = Math.floor(rpcs.length / 2) + 1

  /** Asks all. An endpoint that is down is passed over while most answer; one that says something else is not. */
  async function answers<T>(ask: (rpc: Rpc) => Promise<T>, signal: AbortSignal | undefined): Promise<[T, ...T[]]> {
    const settled = await Promise.allSettled(rpcs.map(ask))
    signal?.throwIfAborted()
    const good = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    if (good.length >= needed && good.length > 0) return good as [T, ...T[]]
    const reason: unknown = settled.find((one) => one.status === 'rejected')?.reason
    if (!(reason instanceof RpcError)) throw reason ?? new RangeError('Expected at least one endpoint of the chain')
    const message = `Expected the chain's endpoint to answer, found error ${reason.code}: ${reason.message}. Try again.`
    throw new TeapotError('ledger/rpc-error', message, { kind: 'unavailable', cause: reason })
  }

  async function agreed<T>(
    what: string,
    ask: (rpc: Rpc) => Promise<T>,
    told: (answer: T) => unknown,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const all = await answers(ask, signal)
    const found = new Set(all.map(told))
    if (found.size === 1) return all[0]
    const message = `Expected all endpoints of the chain to agree on ${what}, found ${found.size} answers. Replace the one that lies or lags.`
    throw new TeapotError('ledger/endpoints-disagree', message, { kind: 'unavailable' })
  }

  return {
    async commonHead(signal) {
      const heads = await answers(async (rpc) => known(await readHeader(rpc, 'latest', signal), 0), signal)
      return heads.reduce((lowest, head) => (head.number < lowest.number ? head : lowest))
    },
    header(number, signal) {
      const ask = (rpc: Rpc): Promise<BlockHeader | undefined> => readHeader(rpc, number, signal)
      return agreed(`block ${number}`, ask, (header) => header && `${header.hash} ${header.timestamp}`, signal)
    },
    async call(to, data, blockHash, signal) {
      const ask = async (rpc: Rpc): Promise<Hex> =>
        parseBytes(await rpc.request('eth_call', [{ to, data }, { blockHash }], { signal }), 'answer to eth_call')
      const result = await agreed(`the answer of ${to}`, ask, (answer) => answer, signal)
      if (result !== '0x') return result
      const message = `Expected a contract at ${to} in block ${blockHash}, found none. Use the deployment of this chain.`
      throw new TeapotError('ledger/no-contract', message)
    },
  }
}

/** Reads one registry's whole list. When the first page is word for word as before, so are the others: it tells a revision. */
function createTable<T>(
  endpoints: Endpoints,
  deployment: Deployment,
  contract: ContractName,
  decode: (data: Hex) => Page<T>,
): { read(blockHash: Digest, signal: AbortSignal | undefined): Promise<T[]> } {
  const address = deployment[contract]
  let cached: { firstPage: Hex; items: T[] } | undefined
  return {
    async read(blockHash, signal) {
      const firstPage = await endpoints.call(address, encodeList(0, PAGE_SIZE), blockHash, signal)
      if (cached?.firstPage === firstPage) return cached.items
      const items = decode(firstPage).items
      while (items.length > 0 && items.length % PAGE_SIZE === 0) {
        const data = encodeList(items.length, PAGE_SIZE)
        const more = decode(await endpoints.call(address, data, blockHash, signal)).items
        if (more.length === 0) break
        items.push(...more)
      }
      cached = { firstPage, items }
      return items
    },
  }
}

function known(header: BlockHeader | undefined, number: number): BlockHeader {
  if (header) return header
  const message = `Expected block ${number} with the wanted confirmations, found none yet. Wait until the endpoint has caught up.`
  throw new TeapotError('ledger/unknown-block', message, { kind: 'unavailable' })
}

function joined(a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined {
  return a && b ? AbortSignal.any([a, b]) : (a ?? b)
}
