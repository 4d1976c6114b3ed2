import { type Digest, toHex } from './bytes.ts'
import { type CborValue, decodeCbor, encodeCbor } from './cbor.ts'
import { shapeOf } from './cbor-shape.ts'
import { digestOf } from './digest.ts'
import { PCR_C, PCR_R } from './event-log.ts'
import { EVIDENCE_TYPES, type EvidenceType } from './evidence.ts'
import { TeapotError } from './teapot-error.ts'
import { parseCertificate } from './x509.ts'

/** What a network takes as evidence: canonical data whose digest stands on the ledger (spec/trust-model.md §3). */
export interface Policy {
  v: 1
  /** The evidence types taken; at least one. A production policy never lists `tpm-simulated`. */
  types: readonly EvidenceType[]
  /** For each type the DER of at least one CA certificate whose EK certificates are taken. */
  ekRoots: readonly (readonly [EvidenceType, Uint8Array])[]
  /** What a quote covers, SHA-256 bank, ascending: R and C always; firmware, boot loader and kernel where the policy asks for them. */
  pcrs: readonly number[]
}

const MAX_ROOTS = 64
/** Those above can be reset without a reboot (PC Client Platform TPM Profile §4.6), or by the debugger. */
const LAST_PCR = 15
const shape = shapeOf('policy/malformed', 'policy')

/**
 * The policy's canonical bytes: types and roots in ascending order.
 * @throws TeapotError `policy/malformed` for a policy that {@link parsePolicy} would refuse
 */
export function encodePolicy(policy: Policy): Uint8Array {
  const bytes = encodeCbor({
    v: policy.v,
    types: [...policy.types].sort(),
    ekRoots: [...policy.ekRoots].map(([type, der]): CborValue[] => [type, der]).sort(byRoot),
    pcrs: [...policy.pcrs],
  })
  parsePolicy(bytes)
  return bytes
}

/**
 * Reads a policy. Nothing may be left out and nothing stands for "any".
 * @throws TeapotError `policy/malformed` for unknown or missing fields, an empty list, a type without a root,
 * a root that is no CA certificate, PCRs without R and C or with one that software can reset, or another order than the canonical one
 */
export function parsePolicy(bytes: Uint8Array): Policy {
  const root = shape.map(decode(bytes), 'policy', ['v', 'types', 'ekRoots', 'pcrs'])
  if (root.get('v') !== 1) shape.refuse('v', 'version 1', String(root.get('v')))
  const types = shape.array(root.get('types'), 'types').map((type) => shape.oneOf(type, 'types', EVIDENCE_TYPES))
  requireAscending('types', types)
  const ekRoots = shape.array(root.get('ekRoots'), 'ekRoots').map(parseRoot)
  requireAscending('ekRoots', ekRoots.map(rootKey))
  if (ekRoots.length > MAX_ROOTS) shape.refuse('ekRoots', `at most ${MAX_ROOTS} roots`, `${ekRoots.length}`)
  for (const type of types) {
    if (!ekRoots.some(([rootType]) => rootType === type)) shape.refuse('ekRoots', `a root for ${type}`, 'none')
  }
  for (const [type] of ekRoots) if (!types.includes(type)) shape.refuse('ekRoots', types.join(), type)
  const pcrs = shape.array(root.get('pcrs'), 'pcrs').map((pcr) => shape.uint(pcr, 'pcrs'))
  const quotable = pcrs.every((pcr, i) => pcr <= LAST_PCR && (i === 0 || pcr > pcrs[i - 1]!))
  if (!quotable || !pcrs.includes(PCR_R) || !pcrs.includes(PCR_C)) {
    shape.refuse('pcrs', `${PCR_R} and ${PCR_C} among PCRs up to ${LAST_PCR}, ascending`, pcrs.join() || 'none')
  }
  return { v: 1, types, ekRoots, pcrs }
}

/** SHA-256 of the canonical bytes: what the ledger's entry of kind policy holds. */
export function policyDigest(policy: Policy): Digest {
  return digestOf(encodePolicy(policy))
}

function parseRoot(value: CborValue): [EvidenceType, Uint8Array] {
  const [type, der] = shape.array(value, 'ekRoots', 2)
  const root: [EvidenceType, Uint8Array] = [shape.oneOf(type, 'ekRoots', EVIDENCE_TYPES), shape.bytes(der, 'ekRoots')]
  let isCa: boolean
  try {
    isCa = parseCertificate(root[1]).isCa
  } catch (cause) {
    throw new TeapotError('policy/malformed', `Cannot read policy: ${(cause as Error).message}`, { cause })
  }
  return isCa ? root : shape.refuse('ekRoots', 'CA certificates', 'one that is no CA')
}

function decode(bytes: Uint8Array): CborValue {
  try {
    return decodeCbor(bytes)
  } catch (cause) {
    throw new TeapotError('policy/malformed', `Cannot read policy: ${(cause as Error).message}`, { cause })
  }
}

function requireAscending(name: string, items: readonly string[]): void {
  if (items.length === 0) shape.refuse(name, 'at least one', 'none')
  for (let i = 1; i < items.length; i++) {
    if (items[i - 1]! >= items[i]!) shape.refuse(name, 'ascending order without repeats', 'another')
  }
}

function rootKey([type, der]: readonly [EvidenceType, Uint8Array]): string {
  return type + toHex(der)
}

function byRoot(a: CborValue[], b: CborValue[]): number {
  const [x, y] = [
    rootKey(a as unknown as [EvidenceType, Uint8Array]),
    rootKey(b as unknown as [EvidenceType, Uint8Array]),
  ]
  return x < y ? -1 : x > y ? 1 : 0
}
