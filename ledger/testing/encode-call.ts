import type { Address, Hex } from '@teapot-network/trust'
import { type EncodeFunctionDataParameters, encodeFunctionData } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { abis, type ContractName } from '../src/deployment.ts'

/** A call as the chain takes it. */
export function encodeCall(contract: ContractName, functionName: string, args: unknown): Hex {
  return encodeFunctionData({ abi: abis[contract], functionName, args } as EncodeFunctionDataParameters)
}

/** The account of a private key. */
export function accountOf(key: Hex): Address {
  return privateKeyToAccount(key).address.toLowerCase() as Address
}
