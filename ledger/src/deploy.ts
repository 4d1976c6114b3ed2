import { setTimeout as sleep } from 'node:timers/promises'
import { type Address, type Hex, TeapotError } from '@teapot-network/trust'
import { encodeDeployData, getContractAddress } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import {
  attestationAbi,
  attestationBytecode,
  codeRegistryAbi,
  codeRegistryBytecode,
  disputesAbi,
  disputesBytecode,
  nodeRegistryAbi,
  nodeRegistryBytecode,
  proofVerifierAbi,
  proofVerifierBytecode,
  referenceValuesAbi,
  referenceValuesBytecode,
} from './contracts.gen.ts'
import { type ContractName, contractNames, type Deployment } from './deployment.ts'
import { revertOf } from './revert.ts'
import { createRpc, fields, parseBytes, parseQuantity, quantity, type Rpc, RpcError } from './rpc.ts'

/** What a new network is made from. */
export interface DeployOptions {
  rpcUrl: string
  /** The committee's key: deploys, and owns the two registries of code. It needs some ether. */
  committeeKey: Hex
  /** Operators of the genesis set. */
  genesis: Address[]
  /** An epoch cannot be closed sooner. */
  minEpochSeconds: number
  /** How many nodes are drawn to vote on each; default 6, of which two may lie or fall silent. */
  committee?: number
  /** What a node must deposit; default one ether. */
  minBondWei?: bigint
  signal?: AbortSignal
}

const POLL_MS = 100
/** Whoever deploys is there and waits. */
const TIMEOUT_MS = 30_000

/**
 * Puts all contracts on a chain: transactions sent at once, as each one's address follows from the deployer's nonce.
 * @throws TeapotError `ledger/unreachable`; `ledger/reverted`, e.g. `NoP256Precompile` on a chain without P256VERIFY
 */
export async function deployContracts(options: DeployOptions): Promise<Deployment> {
  const { signal } = options
  const rpc = createRpc(options.rpcUrl, { timeoutMs: TIMEOUT_MS })
  const account = privateKeyToAccount(options.committeeKey)
  const ask = async (method: string, ...params: unknown[]): Promise<number> =>
    parseQuantity(await rpc.request(method, params, { signal }), method)
  const [chainId, firstNonce, gasPrice] = await Promise.all([
    ask('eth_chainId'),
    ask('eth_getTransactionCount', account.address, 'pending'),
    ask('eth_gasPrice'),
  ])
  const addresses = contractNames.map((_, i) => {
    return getContractAddress({ from: account.address, nonce: BigInt(firstNonce + i) }).toLowerCase() as Address
  })
  const at = Object.fromEntries(contractNames.map((name, i) => [name, addresses[i]])) as Record<ContractName, Address>
  const created = creations(account.address, at, options)
  const hashes: Hex[] = []
  for (const [i, data] of created.entries()) {
    const gas = await estimate(rpc, account.address, data, contractNames[i]!, signal)
    const fees = { maxFeePerGas: BigInt(gasPrice) * 2n, maxPriorityFeePerGas: 1n }
    const raw = await account.signTransaction({ type: 'eip1559', chainId, nonce: firstNonce + i, data, gas, ...fees })
    hashes.push(parseBytes(await rpc.request('eth_sendRawTransaction', [raw], { signal }), 'transaction hash'))
  }
  const blocks: number[] = []
  for (const [i, hash] of hashes.entries()) blocks.push(await mined(rpc, hash, contractNames[i]!, signal))
  return { chainId, deployedBlock: Math.max(...blocks), ...at }
}

function creations(owner: Address, at: Record<ContractName, Address>, options: DeployOptions): Hex[] {
  const { codeRegistry, referenceValues, nodeRegistry, attestation, disputes, proofVerifier } = at
  const { genesis, minEpochSeconds, committee = 6, minBondWei = 10n ** 18n } = options
  const judged = [codeRegistry, referenceValues, nodeRegistry, attestation] as const
  return [
    encodeDeployData({ abi: codeRegistryAbi, bytecode: codeRegistryBytecode, args: [owner] }),
    encodeDeployData({ abi: referenceValuesAbi, bytecode: referenceValuesBytecode, args: [owner] }),
    encodeDeployData({
      abi: nodeRegistryAbi,
      bytecode: nodeRegistryBytecode,
      args: [attestation, disputes, proofVerifier, genesis, minBondWei],
    }),
    encodeDeployData({
      abi: attestationAbi,
      bytecode: attestationBytecode,
      args: [nodeRegistry, minEpochSeconds, committee],
    }),
    encodeDeployData({ abi: disputesAbi, bytecode: disputesBytecode, args: judged }),
    encodeDeployData({ abi: proofVerifierAbi, bytecode: proofVerifierBytecode, args: judged }),
  ]
}

async function estimate(
  rpc: Rpc,
  from: Address,
  data: Hex,
  name: string,
  signal: AbortSignal | undefined,
): Promise<bigint> {
  try {
    const gas = parseQuantity(await rpc.request('eth_estimateGas', [{ from, data }], { signal }), 'gas')
    return (BigInt(gas) * 11n) / 10n
  } catch (error) {
    if (error instanceof RpcError && error.data) throw revertOf(`the deployment of ${name}`, error.data, error)
    throw error
  }
}

async function mined(rpc: Rpc, hash: Hex, name: string, signal: AbortSignal | undefined): Promise<number> {
  for (;;) {
    const receipt = await rpc.request('eth_getTransactionReceipt', [hash], { signal })
    if (receipt !== null) {
      const { status, blockNumber } = fields(receipt)
      if (status !== quantity(1)) {
        throw new TeapotError('ledger/reverted', `Expected the deployment of ${name} to succeed, found a revert.`)
      }
      return parseQuantity(blockNumber, 'block number')
    }
    await sleep(POLL_MS, undefined, signal ? { signal } : {})
  }
}
