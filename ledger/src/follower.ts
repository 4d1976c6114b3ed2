import type { Digest, Hex } from '@teapot-network/trust'
import { type Abi, type DecodeEventLogReturnType, decodeEventLog } from 'viem'
import { type Cursor, readCursor, writeCursor } from './cursor-file.ts'
import { abis, type ContractName, contractNames, type Deployment } from './deployment.ts'
import { createOutageTeller } from './outage.ts'
import {
  type BlockHeader,
  createRpc,
  fields,
  malformed,
  ofChain,
  parseBytes,
  parseDigest,
  parseQuantity,
  quantity,
  readHeader,
  withFallback,
} from './rpc.ts'
import { pause, untilAborted } from './wait.ts'

type EventOf<C extends ContractName> = DecodeEventLogReturnType<(typeof abis)[C]> & { contract: C }

/** An event of one of the network's contracts: `contract`, `eventName` and `args` as in its ABI. */
export type LedgerEvent = { [C in ContractName]: EventOf<C> }[ContractName] & { transaction: Hex }

/** A block that holds events of ours, in their order. */
export interface EventBlock {
  number: number
  hash: Digest
  events: LedgerEvent[]
}

/** @see createFollower */
export interface FollowerOptions {
  /** The first that answers is used. */
  rpcUrls: readonly string[]
  deployment: Deployment
  /** Keeps the position across restarts. */
  cursorFile: string
  /**
   * Called for each block with events, one after the other. The cursor passes a block once this returns; after a crash in between,
   * or when this throws, the block is told again.
   */
  onBlock: (block: EventBlock) => void | Promise<void>
  /** Everything told of blocks above `number` is undone: a reorg replaced them. */
  onRollback?: (number: number) => void | Promise<void>
  /** Told of outages and of what the handlers throw; the follower tries again by itself. */
  onProblem?: (error: Error) => void
  /** How often to look for a new block; default 500. */
  pollMs?: number
  /** No reorg reaches deeper; blocks below are read as ranges. Default 64. */
  finalityDepth?: number
}

/** Tells what happens on the ledger. */
export interface Follower extends AsyncDisposable {
  /** Number of the last block that was passed. */
  readonly position: number
  /** Waits until `block` is passed. */
  reached(block: number, options?: { signal?: AbortSignal }): Promise<void>
}

/** So many blocks are asked for at a time below finality. */
const RANGE = 2_000

/**
 * Follows the network's events by a cursor of its own (watchers lose events across reorgs and restarts).
 * @throws TeapotError `ledger/cursor-malformed`
 */
export async function createFollower(options: FollowerOptions): Promise<Follower> {
  const { deployment, cursorFile, pollMs = 500, finalityDepth = 64, onProblem } = options
  const rpc = withFallback(options.rpcUrls.map((url) => ofChain(createRpc(url), deployment.chainId, url)))
  const contractAt = new Map(contractNames.map((name) => [deployment[name] as string, name]))
  const source = `${deployment.chainId} ${deployment.nodeRegistry}`
  const cursor: Cursor = (await readCursor(cursorFile, source)) ?? { source, passed: [] }
  const { passed } = cursor
  const closing = new AbortController()
  const signal = closing.signal
  const watchers = new Set<{ block: number; done: () => void }>()
  const position = (): number => passed.at(-1)?.number ?? deployment.deployedBlock - 1

  async function look(): Promise<void> {
    const head = await readHeader(rpc, 'latest', signal)
    if (!head || head.hash === passed.at(-1)?.hash) return
    if (!(await onSameChain(head))) return
    const final = head.number - finalityDepth
    while (position() < final) await passRange(position() + 1, Math.min(position() + RANGE, final))
    while (position() < head.number) if (!(await passSuffix(head))) return
  }

  /** Goes back to the last block that the chain still holds. @returns false when the chain is merely behind us */
  async function onSameChain(head: BlockHeader): Promise<boolean> {
    const behind = passed.findLast(({ number }) => number <= head.number)
    if (behind && head.number < position() && (await holds(behind, head))) return false
    const kept = passed.length
    while (passed.length > 0 && !(await holds(passed.at(-1)!, head))) passed.pop()
    if (passed.length === kept) return true
    await options.onRollback?.(position())
    await writeCursor(cursorFile, cursor)
    return true
  }

  async function holds(block: { number: number; hash: Digest }, head: BlockHeader): Promise<boolean> {
    if (block.number > head.number) return false
    if (block.number === head.number) return block.hash === head.hash
    if (block.number === head.number - 1) return block.hash === head.parentHash
    return (await readHeader(rpc, block.number, signal))?.hash === block.hash
  }

  /** Blocks that no reorg reaches: only those with events, and the last. */
  async function passRange(from: number, to: number): Promise<void> {
    const [blocks, last] = await Promise.all([readEvents(from, to), readHeader(rpc, to, signal)])
    if (!last) throw malformed('block', `block ${to}`, null)
    for (const block of blocks) await pass(block)
    if (position() < to) await pass({ number: to, hash: last.hash, events: [] })
    else if (passed.at(-1)!.hash !== last.hash) throw malformed('logs', `block ${last.hash}`, passed.at(-1)!.hash)
  }

  /** Blocks near the head, each shown to be its predecessor's child. @returns false when the chain moved meanwhile */
  async function passSuffix(head: BlockHeader): Promise<boolean> {
    const [from, to] = [position() + 1, Math.min(position() + finalityDepth, head.number)]
    const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i)
    const [blocks, ...headers] = await Promise.all([
      readEvents(from, to),
      ...numbers.map((number) => (number === head.number ? head : readHeader(rpc, number, signal))),
    ])
    const withEvents = new Map(blocks.map((block) => [block.hash, block]))
    for (const header of headers) {
      const parent = passed.at(-1)?.hash
      if (!header || (parent !== undefined && header.parentHash !== parent)) return false
      const block = withEvents.get(header.hash)
      const events = block?.events ?? []
      if (!block && blocks.some(({ number }) => number === header.number)) return false
      await pass({ number: header.number, hash: header.hash, events }, header === headers.at(-1))
    }
    return true
  }

  async function pass(block: EventBlock, keep = true): Promise<void> {
    if (block.events.length > 0) await options.onBlock(block)
    passed.push({ number: block.number, hash: block.hash })
    passed.splice(0, passed.length - 2 * finalityDepth)
    if (keep || block.events.length > 0) await writeCursor(cursorFile, cursor)
    for (const watcher of watchers) if (block.number >= watcher.block) watcher.done()
  }

  async function readEvents(from: number, to: number): Promise<EventBlock[]> {
    const filter = { fromBlock: quantity(from), toBlock: quantity(to), address: [...contractAt.keys()] }
    const logs = await rpc.request('eth_getLogs', [filter], { signal })
    if (!Array.isArray(logs)) throw malformed('logs', 'a list', logs)
    const blocks: EventBlock[] = []
    for (const log of logs) {
      const { number, hash, event } = parseLog(log, contractAt)
      if (blocks.at(-1)?.hash !== hash) blocks.push({ number, hash, events: [] })
      blocks.at(-1)!.events.push(event)
    }
    return blocks
  }

  const running = run()
  async function run(): Promise<void> {
    const outage = createOutageTeller(onProblem)
    while (!signal.aborted) {
      try {
        await look()
        outage.over()
      } catch (error) {
        if (!signal.aborted) outage.met(error as Error)
      }
      await pause(pollMs, signal)
    }
  }

  return {
    get position() {
      return position()
    },
    async reached(block, { signal: caller } = {}) {
      if (position() >= block) return
      const { promise, resolve } = Promise.withResolvers<void>()
      const watcher = { block, done: resolve }
      watchers.add(watcher)
      try {
        await untilAborted(promise, caller ? AbortSignal.any([caller, signal]) : signal)
      } finally {
        watchers.delete(watcher)
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await running
    },
  }
}

/** @throws TeapotError `ledger/malformed-answer` for anything but an event of the contract at its address */
function parseLog(
  log: unknown,
  contractAt: ReadonlyMap<string, ContractName>,
): { number: number; hash: Digest; event: LedgerEvent } {
  const { address, blockNumber, blockHash, data, topics, transactionHash } = fields(log)
  const contract = contractAt.get(String(address).toLowerCase())
  if (!contract || !Array.isArray(topics)) throw malformed('log', 'an event of the network', log)
  const words = topics.map((topic) => parseDigest(topic, 'topic')) as [Hex, ...Hex[]]
  let decoded: object
  try {
    decoded = decodeEventLog({ abi: abis[contract] as Abi, data: parseBytes(data, 'log data'), topics: words })
  } catch {
    throw malformed('log', `an event of ${contract}`, log)
  }
  return {
    number: parseQuantity(blockNumber, 'block number'),
    hash: parseDigest(blockHash, 'block hash'),
    event: { ...decoded, contract, transaction: parseDigest(transactionHash, 'transaction hash') } as LedgerEvent,
  }
}
