import { type Address, type Digest, type Hex, TeapotError } from '@teapot-network/trust'
import {
  type ContractFunctionArgs,
  type ContractFunctionName,
  type EncodeFunctionDataParameters,
  encodeFunctionData,
  keccak256,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { abis, type ContractName, type Deployment } from './deployment.ts'
import { createOutageTeller } from './outage.ts'
import { openQueueStore, type QueuedCall, type SignedForm } from './queue-store.ts'
import { type LedgerRevert, revertOf } from './revert.ts'
import { createRpc, fields, ofChain, parseDigest, parseQuantity, quantity, RpcError, withFallback } from './rpc.ts'
import { pause, untilAborted } from './wait.ts'

type Abis = typeof abis
/** A function of a contract that changes its state. */
export type WriteName<C extends ContractName> = ContractFunctionName<Abis[C], 'nonpayable' | 'payable'>

/** A call to one of the network's contracts. */
export interface LedgerCall<C extends ContractName, F extends WriteName<C>> {
  contract: C
  functionName: F
  args: ContractFunctionArgs<Abis[C], 'nonpayable' | 'payable', F>
  /** What is paid with it; default nothing. */
  valueWei?: bigint
}

/** Where a call ended. */
export interface Receipt {
  transaction: Hex
  block: number
  blockHash: Digest
  gasUsed: number
}

/** Sends one key's transactions, in order, through outages and restarts. */
export interface TransactionQueue extends AsyncDisposable {
  /** The account that pays and signs. */
  readonly address: Address
  /**
   * The call is on disk when this returns its promise, and will be sent though the process should die. The promise resolves
   * once it is mined. A call that is already waiting is joined, not repeated: ask again after a restart without fear.
   * Aborting stops the waiting, not the call.
   * @throws LedgerRevert `ledger/reverted` when the contract refuses it
   * @throws TeapotError `ledger/queue-closed` when the queue is disposed first; the call stays on disk
   */
  send<C extends ContractName, F extends WriteName<C>>(
    call: LedgerCall<C, F>,
    options?: { signal?: AbortSignal },
  ): Promise<Receipt>
  /** How many calls are accepted and not mined. */
  readonly pending: number
}

/** @see createTransactionQueue */
export interface QueueOptions {
  /** The first that answers is used. */
  rpcUrls: readonly string[]
  deployment: Deployment
  privateKey: Hex
  /** SQLite file that keeps what was accepted; one for each key and chain. */
  queueFile: string
  /** How often to look whether something was mined; default 250. */
  pollMs?: number
  /** A transaction that is not mined after so long is signed again with a higher fee; default 30,000. */
  replaceAfterMs?: number
  /** Told of outages (the queue goes on by itself) and of refused calls that nobody waits for. */
  onProblem?: (error: Error) => void
}

interface Fees {
  maxFeePerGas: bigint
  maxPriorityFeePerGas: bigint
}

/** So many transactions may be on their way at once. */
const WINDOW = 16
/** A mined transaction is watched for so many blocks, and sent again should a reorg lose it. */
const SETTLED_DEPTH = 64
const REBROADCAST_MS = 5_000
/** A nonce that is used up while no receipt of ours shows: so many looks until we believe it was used by something else. */
const MISSING_LOOKS = 4

/**
 * Opens the queue of one key and goes on with what it finds there.
 * @throws TeapotError `ledger/queue-locked`, `ledger/queue-unreadable`
 */
export function createTransactionQueue(options: QueueOptions): TransactionQueue {
  const { deployment, pollMs = 250, replaceAfterMs = 30_000, onProblem } = options
  const account = privateKeyToAccount(options.privateKey)
  const address = account.address.toLowerCase() as Address
  const store = openQueueStore(options.queueFile, { chainId: deployment.chainId, address })
  const rpc = withFallback(options.rpcUrls.map((url) => ofChain(createRpc(url), deployment.chainId, url)))
  const calls = new Map(store.all().map((call) => [call.id, call]))
  const waiting = new Map<number, PromiseWithResolvers<Receipt>>()
  const missing = new Map<number, number>()
  const closing = new AbortController()
  const signal = closing.signal
  let wake = Promise.withResolvers<void>()

  const request = (method: string, ...params: unknown[]): Promise<unknown> => rpc.request(method, params, { signal })
  const numberOf = async (method: string, ...params: unknown[]): Promise<number> =>
    parseQuantity(await request(method, ...params), method)
  const inState = (state: QueuedCall['state']): QueuedCall[] => [...calls.values()].filter((c) => c.state === state)

  function save(call: QueuedCall, change: Partial<QueuedCall>): void {
    Object.assign(call, change)
    store.update(call)
  }

  function drop(call: QueuedCall): void {
    calls.delete(call.id)
    missing.delete(call.id)
    store.remove(call.id)
  }

  function refuse(call: QueuedCall, error: LedgerRevert): void {
    const waiter = waiting.get(call.id)
    waiting.delete(call.id)
    if (waiter) waiter.reject(error)
    else onProblem?.(error)
  }

  /** One look at the chain. Whatever it decides is on disk before it is sent. */
  async function look(): Promise<void> {
    const [nextNonce, head] = await Promise.all([
      numberOf('eth_getTransactionCount', address, 'latest'),
      numberOf('eth_blockNumber'),
    ])
    for (const call of inState('mined')) {
      if (call.nonce! >= nextNonce) {
        save(call, { state: 'sent', block: undefined })
        await broadcast(call.forms.at(-1)!.raw)
      } else if (head - call.block! > SETTLED_DEPTH) drop(call)
    }
    for (const call of inState('sent')) {
      if (call.nonce! < nextNonce) await settle(call)
      else await push(call, call.nonce === nextNonce)
    }
    const queued = inState('queued')
    if (queued.length === 0) return
    const [gasPrice, tip] = await Promise.all([numberOf('eth_gasPrice'), numberOf('eth_maxPriorityFeePerGas')])
    const fees = { maxFeePerGas: 2n * BigInt(gasPrice) + BigInt(tip), maxPriorityFeePerGas: BigInt(tip) }
    for (const call of queued) {
      if (inState('sent').length >= WINDOW || !(await sendFirst(call, nextNonce, fees))) break
    }
  }

  /** The nonce is used up: by one of our forms, or by something that is not ours. */
  async function settle(call: QueuedCall): Promise<void> {
    for (const form of call.forms) {
      const { hash } = form
      const answer = await request('eth_getTransactionReceipt', hash)
      if (answer === null) continue
      const { status, blockNumber, blockHash, gasUsed } = fields(answer)
      const receipt = {
        transaction: hash,
        block: parseQuantity(blockNumber, 'block number'),
        blockHash: parseDigest(blockHash, 'block hash'),
        gasUsed: parseQuantity(gasUsed, 'gas used'),
      }
      const refused = status === quantity(1) ? undefined : await whyReverted(call, form, receipt.block)
      save(call, { state: 'mined', block: receipt.block })
      if (refused) return refuse(call, refused)
      waiting.get(call.id)?.resolve(receipt)
      waiting.delete(call.id)
      return
    }
    const looks = (missing.get(call.id) ?? 0) + 1
    missing.set(call.id, looks)
    if (looks < MISSING_LOOKS) return
    missing.delete(call.id)
    save(call, { state: 'queued', nonce: undefined, forms: [] })
  }

  async function push(call: QueuedCall, isNext: boolean): Promise<void> {
    const newest = call.forms.at(-1)!
    const ageMs = Date.now() - newest.signedAt
    if (isNext && ageMs > replaceAfterMs) {
      const gasPrice = BigInt(await numberOf('eth_gasPrice'))
      const raised = (wei: string): bigint => (BigInt(wei) * 5n) / 4n + 1n
      const [fee, tip] = [raised(newest.maxFeePerGas), raised(newest.maxPriorityFeePerGas)]
      const maxFeePerGas = fee > 2n * gasPrice ? fee : 2n * gasPrice
      await sign(call, call.nonce!, BigInt(newest.gas), { maxFeePerGas, maxPriorityFeePerGas: tip })
    } else if (ageMs > REBROADCAST_MS) {
      await broadcast(newest.raw)
    }
  }

  /** @returns whether the next one may follow */
  async function sendFirst(call: QueuedCall, nextNonce: number, fees: Fees): Promise<boolean> {
    const used = [...inState('sent'), ...inState('mined')].map(({ nonce }) => nonce! + 1)
    let gas: number
    try {
      gas = await numberOf(
        'eth_estimateGas',
        { from: address, to: call.to, data: call.data, value: call.value },
        'pending',
      )
    } catch (error) {
      if (!(error instanceof RpcError) || !isRevert(error)) throw error
      // It may lean on one that is still on its way.
      if (inState('sent').length > 0) return false
      drop(call)
      refuse(call, revertOf(call.label, error.data, error))
      return true
    }
    // What other senders change in between may cost more than what was estimated.
    await sign(call, Math.max(nextNonce, ...used), (BigInt(gas) * 5n) / 4n + 10_000n, fees)
    return true
  }

  async function sign(call: QueuedCall, nonce: number, gas: bigint, fees: Fees): Promise<void> {
    const { chainId } = deployment
    const { to, data } = call
    const value = BigInt(call.value)
    const raw = await account.signTransaction({ type: 'eip1559', chainId, nonce, to, data, value, gas, ...fees })
    const form = {
      hash: keccak256(raw),
      raw,
      gas: String(gas),
      maxFeePerGas: String(fees.maxFeePerGas),
      maxPriorityFeePerGas: String(fees.maxPriorityFeePerGas),
      signedAt: Date.now(),
    }
    save(call, { state: 'sent', nonce, forms: [...call.forms, form] })
    await broadcast(raw)
  }

  /** An endpoint that refuses a transaction has it already, or shows by the nonce what became of it. */
  async function broadcast(raw: Hex): Promise<void> {
    try {
      await request('eth_sendRawTransaction', raw)
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      if (!/already|nonce too low|underpriced/i.test(error.message)) onProblem?.(error)
    }
  }

  /**
   * What the call met lies between two blocks. A trace says it; where the endpoint keeps none, what the block left comes nearest, as whoever
   * was faster has left a mark there and the time is the same; the block before knows what was mended after us.
   */
  async function whyReverted(call: QueuedCall, { hash, gas }: SignedForm, block: number): Promise<LedgerRevert> {
    const again = { from: address, to: call.to, data: call.data, value: call.value, gas: quantity(BigInt(gas)) }
    const tried = [
      ['', traced(hash)],
      [`, as block ${block} left it`, ['eth_call', again, quantity(block)]],
      [`, as block ${block - 1} left it`, ['eth_call', again, quantity(block - 1)]],
    ] as const
    for (const [where, [method, ...params]] of tried) {
      const data = await request(method, ...params).then(outputOf, dataOf)
      const reason = revertOf(call.label, data, undefined, where)
      if (reason.errorName) return reason
    }
    return revertOf(call.label, undefined)
  }

  const running = run()
  async function run(): Promise<void> {
    const outage = createOutageTeller(onProblem)
    while (!signal.aborted) {
      let idleMs = pollMs
      try {
        if (calls.size > 0) await look()
        outage.over()
        const busy = inState('queued').length + inState('sent').length > 0
        if (!busy) idleMs = calls.size > 0 ? 2_000 : 60_000
      } catch (error) {
        if (!signal.aborted) outage.met(error as Error)
      }
      await pause(idleMs, signal, wake.promise)
      wake = Promise.withResolvers()
    }
  }

  return {
    address,
    get pending() {
      return inState('queued').length + inState('sent').length
    },
    send({ contract, functionName, args, valueWei = 0n }, { signal: caller } = {}) {
      if (caller?.aborted) return Promise.reject(caller.reason)
      if (signal.aborted) return Promise.reject(closed())
      const abi = abis[contract]
      const data = encodeFunctionData({ abi, functionName, args } as unknown as EncodeFunctionDataParameters)
      const to = deployment[contract]
      const value = quantity(valueWei)
      const waits = (c: QueuedCall) => c.state !== 'mined' && c.to === to && c.data === data && c.value === value
      const same = [...calls.values()].find(waits)
      const call = same ?? store.add({ to, data, value, label: `${contract}.${functionName}` })
      calls.set(call.id, call)
      const waiter = waiting.get(call.id) ?? Promise.withResolvers<Receipt>()
      waiting.set(call.id, waiter)
      wake.resolve()
      return caller ? untilAborted(waiter.promise, caller) : waiter.promise
    },
    async [Symbol.asyncDispose]() {
      closing.abort(closed())
      await running
      for (const waiter of waiting.values()) waiter.reject(closed())
      store[Symbol.dispose]()
    },
  }
}

function isRevert(error: RpcError): boolean {
  return error.code === 3 || error.data !== undefined || /execution reverted/i.test(error.message)
}

function traced(hash: Hex) {
  return ['debug_traceTransaction', hash, { tracer: 'callTracer', tracerConfig: { onlyTopCall: true } }] as const
}

/** What a traced call gave back; a call that was tried again and passed tells nothing. */
function outputOf(answer: unknown): Hex | undefined {
  const output = answer instanceof Object && 'output' in answer ? answer.output : undefined
  return typeof output === 'string' ? (output as Hex) : undefined
}

function dataOf(error: unknown): Hex | undefined {
  if (error instanceof RpcError) return error.data
  throw error
}

function closed(): TeapotError {
  const message = 'Expected the transaction queue to be open, found it closed. What it accepted is kept: open it again.'
  return new TeapotError('ledger/queue-closed', message, { kind: 'unavailable' })
}
