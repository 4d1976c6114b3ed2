import { type Address, TeapotError } from '@teapot-network/trust'
import {
  attestationAbi,
  codeRegistryAbi,
  disputesAbi,
  nodeRegistryAbi,
  proofVerifierAbi,
  referenceValuesAbi,
} from './contracts.gen.ts'

/** Where a network's contracts stand: all that anybody needs to find it (spec/ledger.md §1). */
export interface Deployment {
  chainId: number
  /** From this block on all contracts are there; nothing but their owners was told before. */
  deployedBlock: number
  codeRegistry: Address
  referenceValues: Address
  nodeRegistry: Address
  attestation: Address
  disputes: Address
  proofVerifier: Address
}

/** The ABI of each contract, under its name in {@link Deployment}. */
export const abis = {
  codeRegistry: codeRegistryAbi,
  referenceValues: referenceValuesAbi,
  nodeRegistry: nodeRegistryAbi,
  attestation: attestationAbi,
  disputes: disputesAbi,
  proofVerifier: proofVerifierAbi,
} as const

/** A member of {@link Deployment} that is an address. */
export type ContractName = keyof typeof abis

/** The contracts in the order of deployment. */
export const contractNames = Object.keys(abis) as ContractName[]

/**
 * Reads a deployment from its JSON text.
 * @throws TeapotError `ledger/deployment-malformed`
 */
export function parseDeployment(json: string): Deployment {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw refuse('JSON', (cause as Error).message)
  }
  if (typeof value !== 'object' || value === null) throw refuse('an object', JSON.stringify(value))
  const record = value as Record<string, unknown>
  const integer = (name: string): number => {
    const found = record[name]
    if (typeof found === 'number' && Number.isSafeInteger(found) && found >= 0) return found
    throw refuse(`an unsigned integer in ${name}`, JSON.stringify(found))
  }
  const address = (name: ContractName): Address => {
    const found = record[name]
    if (typeof found === 'string' && /^0x[0-9a-f]{40}$/i.test(found)) return found.toLowerCase() as Address
    throw refuse(`an address in ${name}`, JSON.stringify(found))
  }
  return {
    chainId: integer('chainId'),
    deployedBlock: integer('deployedBlock'),
    codeRegistry: address('codeRegistry'),
    referenceValues: address('referenceValues'),
    nodeRegistry: address('nodeRegistry'),
    attestation: address('attestation'),
    disputes: address('disputes'),
    proofVerifier: address('proofVerifier'),
  }
}

function refuse(expected: string, found: string | undefined): TeapotError {
  return new TeapotError(
    'ledger/deployment-malformed',
    `Cannot read deployment: expected ${expected}, found ${found?.slice(0, 80)}. Take the file from the network's operator again.`,
  )
}
