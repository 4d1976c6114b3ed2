import type { Address, Hex } from '@teapot-network/trust'
import { fundAccounts, startAnvil } from '../../ledger/src/anvil.ts'
import {
  createLedger,
  type Deployment,
  deployContracts,
  type Ledger,
  LedgerRevert,
  type TransactionQueue,
} from '../../ledger/src/index.ts'
import { revertOf } from '../../ledger/src/revert.ts'
import { createRpc, fields, quantity, RpcError } from '../../ledger/src/rpc.ts'
import { accountOf, encodeCall } from '../../ledger/testing/encode-call.ts'
import type { SimTime } from './sim-time.ts'

/** A real chain whose clock is the simulation's: one block a tick. */
export interface SimChain extends AsyncDisposable {
  url: string
  deployment: Deployment
  committee: Address
  /** Sends as this account: refused at once, or mined with the next block. */
  writerOf(account: Address): Pick<TransactionQueue, 'send' | 'address'>
  /** The ledger as those see it who believe these endpoints; they share what was read. */
  ledgerAt(...urls: string[]): Ledger
  /** Mines what waits, at the simulation's time. */
  tick(): Promise<void>
}

interface Sending {
  resolve(receipt: never): void
  reject(error: Error): void
  what: string
}

/** Of the machine's time, which means nothing here. */
const timeoutMs = 120_000
const COMMITTEE_KEY: Hex = `0x${'c0'.repeat(32)}`

/** @param options `genesis`: operators of the genesis set */
export async function startSimChain(
  time: SimTime,
  options: { genesis: Address[]; minEpochSeconds: number; committee: number },
): Promise<SimChain> {
  const anvil = await startAnvil()
  const client = createRpc(anvil.url, { timeoutMs })
  const rpc = (method: string, ...params: unknown[]) => time.track(client.request(method, params))
  const committee = accountOf(COMMITTEE_KEY)
  await fundAccounts(anvil.url, [committee])
  const deployment = await deployContracts({ rpcUrl: anvil.url, committeeKey: COMMITTEE_KEY, ...options })
  await rpc('anvil_autoImpersonateAccount', true)
  await rpc('evm_setAutomine', false)
  const { timestamp } = fields(await rpc('eth_getBlockByNumber', 'latest', false))
  const startSeconds = Number(timestamp) - Math.floor(time.now() / 1000)
  const ledgers = new Map<string, Ledger>()
  /** What is read since the last block. */
  const reading = new Map<Ledger, ReturnType<Ledger['readRound']>>()
  const waiting = new Map<unknown, Sending>()

  async function settle(hash: unknown, { resolve, reject, what }: Sending) {
    const receipt = await rpc('eth_getTransactionReceipt', hash)
    if (receipt === null) return
    waiting.delete(hash)
    if (fields(receipt).status === '0x1') resolve(receipt as never)
    else reject(new LedgerRevert(what, undefined, [], {}))
  }

  /** One at a time: of two that are sent at once, an endpoint may give both the same nonce. */
  let sending: Promise<unknown> = Promise.resolve()
  function sendOnce(call: object): Promise<unknown> {
    const sent = sending.then(() => rpc('eth_sendTransaction', call))
    sending = sent.catch(() => {})
    return sent
  }

  return {
    url: anvil.url,
    deployment,
    committee,
    writerOf: (address) => ({
      address,
      async send({ contract, functionName, args, valueWei = 0n }) {
        const data = encodeCall(contract, functionName, args)
        const call = { from: address, to: deployment[contract], data, value: quantity(valueWei) }
        try {
          await rpc('eth_call', call, 'pending')
        } catch (error) {
          throw error instanceof RpcError ? revertOf(functionName, error.data, error) : error
        }
        const hash = await sendOnce({ ...call, gas: '0x1e8480' })
        return new Promise((resolve, reject) => waiting.set(hash, { resolve, reject, what: functionName }))
      },
    }),
    ledgerAt(...rpcUrls) {
      const known = ledgers.get(rpcUrls.join())
      if (known) return known
      const ledger = createLedger({ rpcUrls, deployment, timeoutMs })
      const blocks = new Map<number, ReturnType<Ledger['readBlock']>>()
      const shared: Ledger = {
        ...ledger,
        readRound() {
          if (!reading.has(shared)) reading.set(shared, time.track(ledger.readRound()))
          return reading.get(shared)!
        },
        readFacts: async () => (await shared.readRound()).facts,
        readBlock(number) {
          if (!blocks.has(number)) blocks.set(number, time.track(ledger.readBlock(number)))
          return blocks.get(number)!
        },
      }
      ledgers.set(rpcUrls.join(), shared)
      return shared
    },
    async tick() {
      await rpc('evm_setNextBlockTimestamp', startSeconds + Math.floor(time.now() / 1000))
      await rpc('evm_mine')
      reading.clear()
      await Promise.all([...waiting].map(([hash, one]) => settle(hash, one)))
    },
    [Symbol.asyncDispose]: () => anvil[Symbol.asyncDispose](),
  }
}
