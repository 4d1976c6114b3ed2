/** A real chain with the contracts on it, for tests. */
import { createECDH, createHash, createPrivateKey, type KeyObject, webcrypto } from 'node:crypto'
import { type Address, concatBytes, fromHex, type Hex, type NodeId, type NodeStatus } from '@teapot-network/trust'
import { NODE_STATUSES, signVote, type Vote } from '@teapot-network/trust/vote'
import {
  type ContractFunctionArgs,
  type ContractFunctionName,
  type ContractFunctionReturnType,
  decodeFunctionResult,
  type EncodeFunctionDataParameters,
  encodeFunctionData,
  keccak256,
  stringToHex,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type Anvil, fundAccounts, startAnvil } from '../src/anvil.ts'
import { deployContracts } from '../src/deploy.ts'
import { abis, type ContractName, type Deployment } from '../src/deployment.ts'
import { registerCall } from '../src/registration.ts'
import { LedgerRevert, revertOf } from '../src/revert.ts'
import { type Change, changeOf, type SignedVote } from '../src/round.ts'
import { createRpc, fields, parseQuantity, quantity, RpcError } from '../src/rpc.ts'
import type { WriteName } from '../src/transaction-queue.ts'
import { quoteBy } from './quote.ts'

type Abis = typeof abis
type ReadName<C extends ContractName> = ContractFunctionName<Abis[C], 'view' | 'pure'>
type ReadArgs<C extends ContractName, F extends ReadName<C>> = ContractFunctionArgs<Abis[C], 'view' | 'pure', F>

/** Outcome of a test's transaction. */
export interface Mined {
  gasUsed: number
  block: number
  logs: unknown[]
  /** The contract that it made. */
  created: Address
}

/** A machine as the ledger sees it: its keys follow from its name, and are real points of P-256. */
export interface TestNode {
  key: Hex
  operator: Address
  id: NodeId
  akX: Hex
  akY: Hex
  ekDigest: Hex
  voteKeyX: Hex
  voteKeyY: Hex
  sign: CryptoKey
  ak: KeyObject
}

type SaidVote = Partial<Vote> & Pick<Vote, 'node' | 'outcome' | 'epoch'>

/** A chain for one test file. */
export interface Chain extends AsyncDisposable {
  anvil: Anvil
  deployment: Deployment
  committee: Hex
  rpc(method: string, ...params: unknown[]): Promise<unknown>
  write<C extends ContractName, F extends WriteName<C>>(
    key: Hex,
    contract: C,
    functionName: F,
    args: ContractFunctionArgs<Abis[C], 'nonpayable' | 'payable', F>,
    valueWei?: bigint,
  ): Promise<Mined>
  read<C extends ContractName, F extends ReadName<C>>(
    contract: C,
    functionName: F,
    args: ReadArgs<C, F>,
  ): Promise<ContractFunctionReturnType<Abis[C], 'view' | 'pure', F, ReadArgs<C, F>>>
  /** Registers a node under its operator's key. */
  register(node: TestNode, bondWei?: bigint): Promise<Mined>
  /** A vote on nothing in particular, signed. */
  signed(vote: SaidVote, voter: TestNode): Promise<SignedVote>
  /** The vote of these voters, one at least, as a change for `closeEpoch` or `report`. */
  change(vote: SaidVote, voters: readonly TestNode[]): Promise<Change>
  /** Calls the registry in the name of the Attestation contract. */
  judge<F extends 'setStanding' | 'slash' | 'convict'>(
    functionName: F,
    args: ContractFunctionArgs<Abis['nodeRegistry'], 'nonpayable', F>,
  ): Promise<Mined>
  /** Writes where a node stands, as no vote could. */
  place(
    node: TestNode,
    status: NodeStatus,
    standing?: { silent?: boolean; lastEpoch?: number; boot?: number },
  ): Promise<void>
  /** Sends what is of no contract of the network, by an account of the chain's own. */
  send(transaction: { to?: Address; data: Hex; value?: Hex }): Promise<Mined>
  /** Lets chain time pass, which stands still else. */
  elapse(seconds: number): Promise<void>
}

export const ZERO: Hex = `0x${'0'.repeat(64)}`
export const MIN_EPOCH_SECONDS = 10
/** Only what hangs takes so long. */
export const WAIT = { timeoutMs: 60_000 }

/** A private key that is the same in each run. */
export function keyOf(name: string): Hex {
  return keccak256(stringToHex(name))
}

export function sha256Hex(data: string | Uint8Array): Hex {
  return `0x${createHash('sha256').update(data).digest('hex')}`
}

/** Makes a node whose keys are the same in each run. */
export async function createNode(name: string): Promise<TestNode> {
  const [ak, vote] = [p256(`ak ${name}`), p256(`vote ${name}`)]
  const key = keyOf(name)
  const operator = privateKeyToAccount(key).address.toLowerCase() as Address
  const sign = await webcrypto.subtle.importKey('jwk', vote.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, [
    'sign',
  ])
  const [akX, akY, voteKeyX, voteKeyY] = [ak.x, ak.y, vote.x, vote.y]
  return {
    key,
    operator,
    id: idOf(akX, akY),
    akX,
    akY,
    ekDigest: sha256Hex(`ek ${name}`),
    voteKeyX,
    voteKeyY,
    sign,
    ak: ak.key,
  }
}

/** What a node registers, as its TPM proves it. */
export async function registrationOf({ chainId, nodeRegistry }: Deployment, node: TestNode) {
  const operator = privateKeyToAccount(node.key).address.toLowerCase() as Address
  const said = { chainId, registry: nodeRegistry, operator, contact: '{"http":"http://127.0.0.1:1"}' }
  const voteKey: Hex = `0x04${node.voteKeyX.slice(2)}${node.voteKeyY.slice(2)}`
  const { args } = await registerCall(
    { ...said, ekDigest: node.ekDigest, voteKey },
    {
      ak: fromHex(`0x04${node.akX.slice(2)}${node.akY.slice(2)}`),
      vote: node.sign,
      async quote(extraData, pcrs) {
        const values = Object.fromEntries(pcrs.map((pcr) => [pcr, sha256Hex(`PCR ${pcr}`)]))
        const { attest, r, s } = quoteBy(node.ak, { extraData, pcrs: values }).shown
        const signature = ['0x0018000b0020', r, '0x0020', s].map((part) => fromHex(part as Hex))
        return { attest: fromHex(attest), signature: concatBytes(...signature) }
      },
    },
  )
  return args
}

/** Node id by the TPM's own encodings (spec/ledger.md §4.2), computed apart from the contract. */
function idOf(x: Hex, y: Hex): NodeId {
  const template = '0023 000b 00050472 0000 0010 0018 000b 0003 0010 0020'
  const area = Buffer.from(`${template}${x.slice(2)}0020${y.slice(2)}`.replaceAll(' ', ''), 'hex')
  return sha256Hex(Buffer.concat([Buffer.from('000b', 'hex'), createHash('sha256').update(area).digest()]))
}

function p256(name: string): { x: Hex; y: Hex; jwk: webcrypto.JsonWebKey; key: KeyObject } {
  const pair = createECDH('prime256v1')
  pair.setPrivateKey(keyOf(name).slice(2), 'hex')
  const point = pair.getPublicKey()
  const [d, x, y] = [pair.getPrivateKey(), point.subarray(1, 33), point.subarray(33)]
  const numbers = { d: d.toString('base64url'), x: x.toString('base64url'), y: y.toString('base64url') }
  const jwk = { kty: 'EC', crv: 'P-256', ...numbers }
  const key = createPrivateKey({ key: jwk, format: 'jwk' })
  return { x: `0x${x.toString('hex')}`, y: `0x${y.toString('hex')}`, jwk, key }
}

/** Starts anvil, with a block for each transaction and a clock that stands still, and deploys. */
export async function startChain(
  options: { genesis?: readonly TestNode[]; committee?: number; statePath?: string } = {},
): Promise<Chain> {
  const { genesis = [], committee: size = 5, ...anvilOptions } = options
  const anvil = await startAnvil(anvilOptions)
  await createRpc(anvil.url, WAIT).request('anvil_setBlockTimestampInterval', [0])
  const committee = keyOf('committee')
  const operators = genesis.map((node) => node.operator)
  await fundAccounts(anvil.url, [privateKeyToAccount(committee).address.toLowerCase() as Address, ...operators])
  const someone = privateKeyToAccount(keyOf('nobody')).address.toLowerCase() as Address
  const deployment = await deployContracts({
    rpcUrl: anvil.url,
    committeeKey: committee,
    genesis: operators.length > 0 ? operators : [someone],
    minEpochSeconds: MIN_EPOCH_SECONDS,
    committee: size,
  })
  return chainOf(anvil, { deployment, committee })
}

/** The chain of this deployment, at whatever serves it. */
export function chainOf(anvil: Anvil, { deployment, committee }: Pick<Chain, 'deployment' | 'committee'>): Chain {
  const client = createRpc(anvil.url, WAIT)
  const rpc = (method: string, ...params: unknown[]): Promise<unknown> => client.request(method, params)
  const encode = (contract: ContractName, functionName: string, args: unknown): Hex =>
    encodeFunctionData({ abi: abis[contract], functionName, args } as EncodeFunctionDataParameters)

  async function call(functionName: string, transaction: object, block: string): Promise<Hex> {
    try {
      return (await rpc('eth_call', transaction, block)) as Hex
    } catch (error) {
      throw error instanceof RpcError ? revertOf(functionName, error.data, error) : error
    }
  }

  async function receiptOf(hash: unknown, functionName: string): Promise<Mined> {
    for (;;) {
      const receipt = await rpc('eth_getTransactionReceipt', hash)
      if (receipt === null) await new Promise((resolve) => setTimeout(resolve, 20))
      else {
        const { status, gasUsed, blockNumber, logs, contractAddress } = fields(receipt)
        if (status !== '0x1') throw new LedgerRevert(functionName, undefined, [], {})
        const block = parseQuantity(blockNumber, 'block number')
        const created = contractAddress as Address
        return { gasUsed: parseQuantity(gasUsed, 'gas'), block, logs: logs as unknown[], created }
      }
    }
  }

  const chain: Chain = {
    anvil,
    deployment,
    committee,
    rpc,
    async write(key, contract, functionName, args, value = 0n) {
      const account = privateKeyToAccount(key)
      const [to, data] = [deployment[contract], encode(contract, functionName, args)]
      if (parseQuantity(await rpc('eth_getBalance', account.address, 'latest').then(small), 'balance') === 0) {
        await fundAccounts(anvil.url, [account.address])
      }
      await call(functionName, { from: account.address, to, data, value: quantity(value) }, 'pending')
      const nonce = parseQuantity(await rpc('eth_getTransactionCount', account.address, 'pending'), 'nonce')
      const fees = { maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 1n, gas: 5_000_000n }
      const { chainId } = deployment
      const hash = await rpc(
        'eth_sendRawTransaction',
        await account.signTransaction({ type: 'eip1559', chainId, nonce, to, data, value, ...fees }),
      )
      return receiptOf(hash, functionName)
    },
    async read(contract, functionName, args) {
      const transaction = { to: deployment[contract], data: encode(contract, functionName, args) }
      const data = await call(functionName, transaction, 'latest')
      return decodeFunctionResult({ abi: abis[contract], functionName, data } as never) as never
    },
    async register(node, bondWei = 10n ** 18n) {
      return chain.write(node.key, 'nodeRegistry', 'register', await registrationOf(deployment, node), bondWei)
    },
    async signed(partial, voter) {
      const { chainId, attestation } = deployment
      const vote: Vote = { chainId, attestation, run: ZERO, boot: 0, evidence: ZERO, quote: ZERO, ...partial }
      return { ...vote, voter: voter.id, signature: await signVote(vote, voter.sign) }
    },
    async change(vote, voters) {
      return changeOf(await Promise.all(voters.map((voter) => chain.signed(vote, voter))))
    },
    async judge(functionName, args) {
      const { attestation: from, nodeRegistry: to } = deployment
      await rpc('anvil_impersonateAccount', from)
      await rpc('anvil_setBalance', from, '0xde0b6b3a7640000')
      const data = encode('nodeRegistry', functionName, args)
      const mined = await receiptOf(await rpc('eth_sendTransaction', { from, to, data, gas: '0x100000' }), functionName)
      await rpc('anvil_stopImpersonatingAccount', from)
      return mined
    },
    async place(node, status, { silent = false, lastEpoch = 0, boot = 0 } = {}) {
      await chain.judge('setStanding', [node.id, NODE_STATUSES.indexOf(status) + 1, silent, lastEpoch, boot])
    },
    async send(transaction) {
      const [from] = (await rpc('eth_accounts')) as [Address]
      const sent = { ...transaction, from, gas: '0x400000' }
      await call('transaction', sent, 'pending')
      return receiptOf(await rpc('eth_sendTransaction', sent), 'transaction')
    },
    async elapse(seconds) {
      const { timestamp } = fields(await rpc('eth_getBlockByNumber', 'latest', false))
      await rpc('evm_setNextBlockTimestamp', parseQuantity(timestamp, 'timestamp') + seconds)
      await rpc('evm_mine')
    },
    [Symbol.asyncDispose]: () => anvil[Symbol.asyncDispose](),
  }
  return chain
}

/** Whether there is anything: a balance does not fit a safe integer. */
function small(balance: unknown): Hex {
  return BigInt(balance as Hex) > 0n ? '0x1' : '0x0'
}
