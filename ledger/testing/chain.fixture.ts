import { NODE_STATUSES } from '@teapot-network/trust/vote'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { abis, type ContractName } from '../src/deployment.ts'
import type { Round } from '../src/facts.ts'
import { createLedger, type Ledger } from '../src/ledger.ts'
import { LedgerRevert } from '../src/revert.ts'
import type { Change } from '../src/round.ts'
import {
  type Chain,
  createNode,
  MIN_EPOCH_SECONDS,
  type Mined,
  startChain,
  type TestNode,
  WAIT,
  ZERO,
} from './chain.ts'

/** Starts a chain before the tests of a file, and puts it back after each; with what all of them ask of it. */
export function useChain(options: Parameters<typeof startChain>[0] = {}) {
  const provoked = new Set<string | undefined>()
  let started: Chain
  const chain = new Proxy({} as Chain, { get: (_, name) => Reflect.get(started, name) })
  let ledger: Ledger
  let snapshot: unknown
  beforeAll(async () => {
    started = await startChain(options)
    ledger = createLedger({ rpcUrls: [started.anvil.url], deployment: started.deployment, ...WAIT })
  })
  afterAll(() => started?.[Symbol.asyncDispose]())
  beforeEach(async () => {
    snapshot = await chain.rpc('evm_snapshot')
  })
  afterEach(async () => {
    await chain.rpc('anvil_dropAllTransactions')
    await chain.rpc('evm_revert', snapshot)
  })

  const standingOf = (node: TestNode) => chain.read('nodeRegistry', 'standing', [node.id])
  const epochNow = () => chain.read('attestation', 'epochNow', [])
  return {
    chain,
    standingOf,
    statusOf: async (node: TestNode) => NODE_STATUSES[(await standingOf(node)).status - 1],
    bondOf: (node: TestNode) => chain.read('nodeRegistry', 'bondOf', [node.id]),
    balanceOf: async (account: string) => BigInt((await chain.rpc('eth_getBalance', account, 'latest')) as string),
    epochNow,
    /** The ledger as a client reads it. */
    readRound: (): Promise<Round> => ledger.readRound(),
    /** Lets the present epoch end. */
    async close(reporter: TestNode, root = ZERO, changes: Change[] = []): Promise<Mined> {
      await chain.elapse(MIN_EPOCH_SECONDS)
      return chain.write(reporter.key, 'attestation', 'closeEpoch', [await epochNow(), root, ZERO, changes])
    },
    /** Expects to be refused by this custom error, and keeps which there were. */
    async refuses(call: Promise<unknown>, name: string, args?: unknown[]): Promise<void> {
      const refusal = await refusalOf(call)
      provoked.add(refusal.errorName)
      expect(refusal.errorName).toBe(name)
      if (args) expect(refusal.args).toEqual(args)
    },
    /** The custom errors of a contract that no test has provoked. */
    unprovoked: (contract: ContractName) =>
      abis[contract].flatMap((item) => (item.type === 'error' && !provoked.has(item.name) ? [item.name] : [])),
    provoked,
  }
}

/** Nodes of these names, sorted by id. */
export async function createNodes<const N extends readonly string[]>(
  ...names: N
): Promise<{ [I in keyof N]: TestNode }> {
  return (await Promise.all(names.map(createNode))).sort(byId) as { [I in keyof N]: TestNode }
}

/** The order in which voters stand. */
export function byId(x: TestNode, y: TestNode): number {
  return x.id < y.id ? -1 : 1
}

/** The refusal of a call. */
export async function refusalOf(call: Promise<unknown>): Promise<LedgerRevert> {
  try {
    await call
  } catch (error) {
    if (error instanceof LedgerRevert) return error
    throw error
  }
  throw new Error('Expected a refusal, found none')
}
