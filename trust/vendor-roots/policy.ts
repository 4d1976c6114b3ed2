// Prints the canonical policy over PCRs 0 to 14 that takes TPMs of the makers named, with verdicts good for an hour, and no
// certificates of the keys named by their digests: `node trust/vendor-roots/policy.ts 3600 Infineon Nuvoton 0x1f…`
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Digest, encodePolicy, type Policy, parsePolicy, policyDigest, toHex } from '../src/index.ts'

/** A maker's CA certificate, self-signed, for the EK certificates of its TPMs. */
export interface VendorRoot {
  vendor: string
  name: string
  /** Of the DER; hex. */
  sha256: string
  /** Where the maker publishes it. */
  source: string
  /** Public collections, with commits, that hold the same certificate. */
  foundIn: string[]
  /** Base64. */
  der: string
}

/** Every root that we know (docs/how-to/run-on-a-tpm.md says how they were chosen). */
export function readVendorRoots(): VendorRoot[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'roots.json'), 'utf8'))
}

/** A production policy: real TPMs alone, and only of the makers named. @throws RangeError for a maker without a root, or none */
export function vendorPolicy(makers: readonly string[], rest: Omit<Policy, 'v' | 'types' | 'ekRoots'>): Policy {
  const roots = readVendorRoots()
  const known = [...new Set(roots.map(({ vendor }) => vendor))]
  if (makers.length === 0 || makers.some((maker) => !known.includes(maker))) {
    throw new RangeError(`expected makers out of ${known.join(', ')}, found ${makers.join(', ') || 'none'}`)
  }
  const taken = roots.filter(({ vendor }) => makers.includes(vendor))
  const ekRoots = taken.map(({ der }) => ['tpm', new Uint8Array(Buffer.from(der, 'base64'))] as const)
  return parsePolicy(encodePolicy({ v: 1, types: ['tpm'], ekRoots, ...rest }))
}

if (import.meta.main) {
  const [freshSeconds, ...names] = process.argv.slice(2)
  const isDigest = (name: string): name is Digest => name.startsWith('0x')
  const revoked = names.filter(isDigest).sort()
  const makers = names.filter((name) => !isDigest(name))
  const policy = vendorPolicy(makers, {
    pcrs: Array.from({ length: 15 }, (_, i) => i),
    freshSeconds: Number(freshSeconds),
    ...(revoked.length > 0 && { revoked }),
  })
  console.log(JSON.stringify({ digest: policyDigest(policy), policy: toHex(encodePolicy(policy)) }))
}
