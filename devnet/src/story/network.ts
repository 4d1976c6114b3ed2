import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { referenceValue } from '@teapot-network/daemon/boot'
import {
  createLedger,
  createTransactionQueue,
  type Deployment,
  deployContracts,
  type Ledger,
  type TransactionQueue,
} from '@teapot-network/ledger'
import { fundAccounts } from '@teapot-network/ledger/anvil'
import { rawCid } from '@teapot-network/sdk'
import {
  type Address,
  digestOf,
  encodeGrants,
  type Hex,
  type LedgerFacts,
  type NodeStatus as Standing,
  toHex,
  utf8,
} from '@teapot-network/trust'
import { createPublicClient, http } from 'viem'
import { privateKeyToAddress } from 'viem/accounts'
import { type Chain, startChain } from '../chain.ts'
import type { Devnet } from '../devnet.ts'
import type { Box } from './machines.ts'
import { until } from './wait.ts'
import type { Workshop } from './workshop.ts'

/** The ledger's side of the story: the chain, the contracts, and the development key that stands in for the committee. */
export interface Network {
  readonly devnet: Devnet
  readonly chain: Chain
  readonly deployment: Deployment
  readonly ledger: Ledger
  readonly committee: TransactionQueue
  readonly boxes: Box[]
}

const MIN_EPOCH_SECONDS = 2
/** The first Verifiers, until enough nodes are Active. */
const GENESIS_SIZE = 3
const VERSION = '0.1.0'

/** Starts the chain, and deploys the contracts where they do not stand yet. */
export async function openLedger(devnet: Devnet): Promise<Network> {
  const { paths, supervisor, state, signal } = devnet
  const chain = await startChain({ supervisor, folder: paths.chain, port: state.chain.port, signal })
  state.chain.port = chain.port
  const rpcUrls = [chain.url]
  const { keys } = state
  const operators = state.machines.map(({ operatorKey }) => addressOf(operatorKey))
  await fundAccounts(chain.url, [...operators, ...[keys.committee, keys.developer].map(addressOf)], { signal })
  // A chain that was killed has forgotten its last seconds.
  if (!state.deployment || !(await hasCode(chain.url, state.deployment.proofVerifier))) {
    state.deployment = await deployContracts({
      rpcUrl: chain.url,
      committeeKey: keys.committee,
      genesis: operators.slice(0, GENESIS_SIZE),
      minEpochSeconds: MIN_EPOCH_SECONDS,
      signal,
    })
  }
  const { deployment } = state
  devnet.saveState()
  const network = { rpcUrls, deployment, keys: { developer: keys.developer } }
  writeFileSync(paths.network, `${JSON.stringify(network, null, 2)}\n`, { mode: 0o600 })
  const queueFile = join(paths.chain, 'committee.sqlite')
  const committee = createTransactionQueue({ rpcUrls, deployment, privateKey: keys.committee, queueFile })
  // What the last run sent is on the ledger before anybody asks the ledger what is still to be done.
  await until('what was sent before to be mined', () => committee.pending === 0 || undefined, { signal })
  return { devnet, chain, deployment, ledger: createLedger({ rpcUrls, deployment, signal }), committee, boxes: [] }
}

async function hasCode(url: string, address: Address): Promise<boolean> {
  return (await createPublicClient({ transport: http(url) }).getCode({ address })) !== undefined
}

/** The committee's releases of the first day: the reference value of R, the policy, the providers. What stands there already is left alone. */
export async function releaseFirst(
  network: Pick<Network, 'ledger' | 'committee' | 'devnet'>,
  workshop: Pick<Workshop, 'image' | 'releases'>,
): Promise<void> {
  const { ledger, committee, devnet } = network
  const { signal } = devnet
  const facts = await ledger.readFacts({ signal })
  const r = referenceValue(workshop.image)
  const addReference = async () => {
    if (facts.referenceValues.some((value) => value.r === r)) return
    const args = [r, VERSION, `${process.platform}-${process.arch}`] as const
    await committee.send({ contract: 'referenceValues', functionName: 'add', args }, { signal })
  }
  const releases = workshop.releases.map(async ({ name, kind, grants, file, version }) => {
    const before = facts.entries.filter((entry) => entry.name === name)
    const sha256 = digestOf(readFileSync(file))
    const there = before.find((entry) => entry.sha256 === sha256 && ['published', 'current'].includes(entry.status))
    if (there) return approve(network, name, there.version)
    const next = Math.max(version, ...before.map((entry) => entry.version + 1))
    const encoded: Hex = grants.length > 0 ? toHex(encodeGrants(grants)) : '0x'
    const args = [name, kind, BigInt(next), sha256, rawCid(sha256), encoded] as const
    await committee.send({ contract: 'codeRegistry', functionName: 'publish', args }, { signal })
    return approve(network, name, next)
  })
  await Promise.all([addReference(), ...releases])
}

/** One development key stands in for the committee: makes a published release the current one, unless it is. */
export async function approve(
  { ledger, committee, devnet: { signal } }: Pick<Network, 'ledger' | 'committee' | 'devnet'>,
  name: string,
  version: number,
): Promise<void> {
  const { entries } = await ledger.readFacts({ signal })
  if (entries.some((entry) => entry.name === name && entry.version === version && entry.status === 'current')) return
  const args = [digestOf(utf8(name)), BigInt(version)] as const
  await committee.send({ contract: 'codeRegistry', functionName: 'approve', args }, { signal })
}

/** Waits until the ledger gives a box one of these standings. */
export async function untilStanding(
  { ledger, devnet: { signal } }: Network,
  box: Box,
  standings: readonly Standing[],
  timeoutMs = 60_000,
): Promise<LedgerFacts> {
  const what = `${box.name} to be ${standings.join(' or ')}`
  return until(
    what,
    async () => {
      const facts = await ledger.readFacts({ signal })
      const standing = box.record(facts)?.status
      if (standing !== undefined && standings.includes(standing)) return facts
      throw new Error(`it is ${standing ?? 'not registered'} in epoch ${facts.epoch.number}`)
    },
    { signal, timeoutMs },
  )
}

export function addressOf(key: Hex): Address {
  return privateKeyToAddress(key).toLowerCase() as Address
}
