import { type Digest, fromHex, toHex } from './bytes.ts'
import { type CborValue, encodeCbor } from './cbor.ts'
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
  /** Seconds after the opening of an epoch until which a verdict of that epoch may be relied on. */
  freshSeconds: number
  /** Digests (as `ekDigest` gives) of EKs, and of their issuers' keys, that are taken no more, ascending; left out when none. */
  revoked?: readonly Digest[]
}

const MAX_ROOTS = 64
/** Thirty days: a verdict that never ends would be the accept-all of time. */
const MAX_FRESH_SECONDS = 30 * 86_400
/** Those above can be reset without a reboot (PC Client Platform TPM Profile §4.6), or by the debugger. */
const LAST_PCR = 15
const shape = shapeOf('policy/malformed', 'policy')

/**
 * The policy's canonical bytes: types and roots in ascending order.
 * @throws TeapotError `policy/malformed` for a policy that {@link parsePolicy} would refuse
 */
export function encodePolicy(policy: Policy): Uint8Array {
  const bytes = canonical(policy)
  parsePolicy(bytes)
  return bytes
}

function canonical(policy: Policy): Uint8Array {
  return encodeCbor({
    v: policy.v,
    types: [...policy.types].sort(),
    ekRoots: [...policy.ekRoots].sort(byRoot).map(([type, der]) => [type, der]),
    pcrs: [...policy.pcrs],
    freshSeconds: policy.freshSeconds,
    ...(policy.revoked && { revoked: policy.revoked.map(fromHex) }),
  })
}

/**
 * Reads a policy. Nothing may be left out and nothing stands for "any".
 * @throws TeapotError `policy/malformed` for unknown or missing fields, an empty list, a type without a root,
 * a root that is no CA certificate, PCRs without R and C or with one that software can reset, a freshness that never ends,
 * or another order than the canonical one
 */
export function parsePolicy(bytes: Uint8Array): Policy {
  const fields = ['v', 'types', 'ekRoots', 'pcrs', 'freshSeconds']
  const root = shape.map(shape.decode(bytes), 'policy', fields, ['revoked'])
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
  const freshSeconds = shape.uint(root.get('freshSeconds'), 'freshSeconds')
  if (freshSeconds < 1 || freshSeconds > MAX_FRESH_SECONDS) {
    shape.refuse('freshSeconds', `1 to ${MAX_FRESH_SECONDS}`, `${freshSeconds}`)
  }
  if (!root.has('revoked')) return { v: 1, types, ekRoots, pcrs, freshSeconds }
  const revoked = shape.array(root.get('revoked'), 'revoked').map((digest) => shape.hex(digest, 'revoked', 32))
  requireAscending('revoked', revoked)
  return { v: 1, types, ekRoots, pcrs, freshSeconds, revoked }
}

const digests = new WeakMap<Policy, Digest>()

/** SHA-256 of the canonical bytes: what the ledger's entry of kind policy holds. The policy must not change afterwards. */
export function policyDigest(policy: Policy): Digest {
  const digest = digests.get(policy) ?? digestOf(canonical(policy))
  digests.set(policy, digest)
  return digest
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

function requireAscending(name: string, items: readonly string[]): void {
  if (items.length === 0) shape.refuse(name, 'at least one', 'none')
  for (let i = 1; i < items.length; i++) {
    if (items[i - 1]! >= items[i]!) shape.refuse(name, 'ascending order without repeats', 'another')
  }
}

function rootKey([type, der]: readonly [EvidenceType, Uint8Array]): string {
  // A space comes before whatever a longer type goes on with: by type, then by DER.
  return `${type} ${toHex(der)}`
}

function byRoot(a: Policy['ekRoots'][number], b: Policy['ekRoots'][number]): number {
  return rootKey(a) < rootKey(b) ? -1 : 1
}
