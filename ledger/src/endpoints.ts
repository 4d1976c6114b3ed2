import { type Digest, type Hex, TeapotError } from '@teapot-network/trust'
import type { ContractName, Deployment } from './deployment.ts'
import { type BlockHeader, createRpc, ofChain, parseBytes, type Rpc, RpcError, readHeader } from './rpc.ts'

/** What is read at one block. */
export interface Reading {
  hash: Digest
  signal: AbortSignal | undefined
  /** The fewest endpoints that gave any of the answers so far. */
  agreed: number
}

/** The endpoints of a chain, of which most must answer, and all that do alike. */
export interface Endpoints {
  address(contract: ContractName): Hex
  commonHead(signal: AbortSignal | undefined): Promise<BlockHeader>
  header(number: number, signal: AbortSignal | undefined): Promise<BlockHeader | undefined>
  call(to: ContractName, data: Hex, reading: Reading): Promise<Hex>
  /** @param told what of an answer must be the same */
  agreed<T>(
    what: string,
    ask: (rpc: Rpc) => Promise<T>,
    told: (answer: T) => unknown,
    signal: AbortSignal | undefined,
    reading?: Reading,
  ): Promise<T>
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

/** Nothing is asked until the first call. @throws TeapotError those of `Ledger.readFacts`, from all of its functions */
export function createEndpoints({ rpcUrls, deployment, timeoutMs = 5_000 }: LedgerOptions): Endpoints {
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
    reading?: Reading,
  ): Promise<T> {
    const all = await answers(ask, signal)
    if (reading) reading.agreed = Math.min(reading.agreed, all.length)
    const found = new Set(all.map(told))
    if (found.size === 1) return all[0]
    const message = `Expected all endpoints of the chain to agree on ${what}, found ${found.size} answers. Replace the one that lies or lags.`
    throw new TeapotError('ledger/endpoints-disagree', message, { kind: 'unavailable' })
  }

  return {
    agreed,
    address: (contract) => deployment[contract],
    async commonHead(signal) {
      const heads = await answers(async (rpc) => known(await readHeader(rpc, 'latest', signal), 0), signal)
      return heads.reduce((lowest, head) => (head.number < lowest.number ? head : lowest))
    },
    header(number, signal) {
      const ask = (rpc: Rpc): Promise<BlockHeader | undefined> => readHeader(rpc, number, signal)
      return agreed(`block ${number}`, ask, (header) => header && `${header.hash} ${header.timestamp}`, signal)
    },
    async call(contract, data, reading) {
      const { hash, signal } = reading
      const to = deployment[contract]
      const ask = async (rpc: Rpc): Promise<Hex> =>
        parseBytes(await rpc.request('eth_call', [{ to, data }, { blockHash: hash }], { signal }), 'answer to eth_call')
      const result = await agreed(`the answer of ${to}`, ask, (answer) => answer, signal, reading)
      if (result !== '0x') return result
      const message = `Expected a contract at ${to} in block ${hash}, found none. Use the deployment of this chain.`
      throw new TeapotError('ledger/no-contract', message)
    },
  }
}

/** @throws TeapotError `ledger/unknown-block` unless there is such a block */
export function known(header: BlockHeader | undefined, number: number): BlockHeader {
  if (header) return header
  const message = `Expected block ${number} with the wanted confirmations, found none yet. Wait until the endpoint has caught up.`
  throw new TeapotError('ledger/unknown-block', message, { kind: 'unavailable' })
}
