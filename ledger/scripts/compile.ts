import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What we take from the compiler for one contract. */
export interface Artifact {
  abi: unknown[]
  bytecode: `0x${string}`
  storageLayout: { storage: StorageItem[]; types: Record<string, StorageType> | null }
}

interface StorageItem {
  label: string
  offset: number
  slot: string
  type: string
}

interface StorageType {
  label: string
  numberOfBytes: string
  members?: StorageItem[]
}

interface Output {
  errors?: { severity: string; formattedMessage: string }[]
  contracts: Record<
    string,
    Record<string, { abi: unknown[]; evm: { bytecode: { object: string } }; storageLayout: Artifact['storageLayout'] }>
  >
}

/** The contracts that are deployed, in the order of deployment. */
export const CONTRACTS = [
  'CodeRegistry',
  'ReferenceValues',
  'NodeRegistry',
  'Attestation',
  'Disputes',
  'ProofVerifier',
] as const
/** What shows how others may use them. */
export const SAMPLES = ['PayOnProof'] as const
type Name = (typeof CONTRACTS | typeof SAMPLES)[number]

const contractsDir = fileURLToPath(new URL('../contracts/', import.meta.url))
const require = createRequire(import.meta.url)

/**
 * Compiles all contracts with the npm solc, in process and offline.
 * @throws Error with the compiler's own messages, warnings included: none is let pass.
 */
export function compile({ optimized }: { optimized: boolean }): Record<Name, Artifact> {
  const solc = require('solc') as { compile(input: string, callbacks: { import: typeof readImport }): string }
  const names = [...readdirSync(contractsDir), ...SAMPLES.map((name) => `samples/${name}.sol`)]
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(
      names
        .filter((name) => name.endsWith('.sol'))
        .map((name) => [`contracts/${name}`, { content: readFileSync(join(contractsDir, name), 'utf8') }]),
    ),
    settings: {
      evmVersion: 'osaka',
      optimizer: { enabled: optimized, runs: 1_000_000 },
      // Without the trailing digest of the sources' metadata, a changed comment changes no bytecode.
      metadata: { appendCBOR: false, bytecodeHash: 'none' },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'storageLayout'] } },
    },
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport })) as Output
  if (output.errors?.length) throw new Error(output.errors.map((e) => e.formattedMessage).join('\n'))
  const artifact = (name: Name, folder = ''): Artifact => {
    const { abi, evm, storageLayout } = output.contracts[`contracts/${folder}${name}.sol`]![name]!
    return { abi, bytecode: `0x${evm.bytecode.object}`, storageLayout }
  }
  return Object.fromEntries([
    ...CONTRACTS.map((name) => [name, artifact(name)]),
    ...SAMPLES.map((name) => [name, artifact(name, 'samples/')]),
  ]) as ReturnType<typeof compile>
}

function readImport(path: string): { contents: string } | { error: string } {
  try {
    const file = path.startsWith('contracts/')
      ? join(contractsDir, path.slice('contracts/'.length))
      : require.resolve(path)
    return { contents: readFileSync(file, 'utf8') }
  } catch (error) {
    return { error: String(error) }
  }
}
