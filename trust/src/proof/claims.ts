import { concatBytes, type Digest, fromHex, type NodeId } from '../bytes.ts'
import { type CborValue, decodeCbor, encodeCbor } from '../cbor.ts'
import { shapeOf } from '../cbor-shape.ts'
import { sha256 } from '../digest.ts'
import { encodeGrants, parseGrants } from '../grants.ts'
import { TeapotError } from '../teapot-error.ts'
import type { Assurance } from '../verdict.ts'

/**
 * Claim keys (spec/proof.md §2.2). Whatever is the same for all results of one actor and block comes first in CBOR's order
 * of keys, so that a node writes it once and only appends `operation` and what follows.
 */
export const CLAIM = {
  iss: 1,
  iat: 6,
  profile: 265,
  actor: -65537,
  capabilities: -65538,
  run: -65539,
  evidence: -65540,
  block: -65541,
  assurance: -65542,
  isolation: -65543,
  operation: -65544,
  request: -65545,
  response: -65546,
  outcome: -65547,
  fuel: -65548,
  trace: -65549,
  children: -65550,
} as const

/** `eat_profile` of these claims. */
export const CLAIMS_PROFILE = 'urn:x-teapot:claims:1'
/** Bytes of salt before the claims in a leaf. */
export const SALT_BYTES = 16

/** Keys in this range that a reader doesn't know make it refuse; any other unknown key it may pass over. */
const CRITICAL = { from: -65537, to: -65792 } as const
const OPTIONAL: readonly number[] = [CLAIM.fuel, CLAIM.trace, CLAIM.children]
const INTEGRITY = ['none', 'measured', 'enclave'] as const
/** What evidence may be worth, from less to more. */
export const RANK: readonly string[] = INTEGRITY
const CONFIDENTIALITY = ['none', 'enclave'] as const
const ISOLATION = ['process', 'user', 'namespaces', 'cgroup'] as const

const shape = shapeOf('proof/claims-malformed', 'claims')

/** What a node states about one result (spec/proof.md §2). */
export interface Claims {
  /** The node that answered. */
  node: NodeId
  /** Seconds since 1970 by the node's own clock; proves nothing. */
  issuedAt: number
  actor: { name: string; version: number; sha256: Digest }
  /** The capabilities that the actor held, as measured with it. */
  capabilities: string[]
  run: Digest
  /** Digest of the evidence that was current: quoted after the actor was measured. */
  evidence: Digest
  /** A recent block: the result is no older. */
  block: { number: number; hash: Digest }
  assurance: Assurance
  /** How far the actor's process was shut off from the machine; each includes those before it (spec/host.md §2). */
  isolation: (typeof ISOLATION)[number]
  operation: string
  request: Digest
  response: Digest
  /** `ok`, or the code of the error that the call ended with. */
  outcome: string
  /** Fuel that the call used (spec/host.md §8). */
  fuel?: number
  /** Digest of the trace of the call, where one was recorded (spec/host.md §9). */
  trace?: Digest
  /** Leaf inputs of the results of calls that the actor made to other actors, in the order in which they ended (spec/proof.md §2.5). */
  children?: Digest[]
  /** Keys that were passed over. */
  unknown?: number[]
}

/** Claims as deterministic CBOR. */
export function encodeClaims(claims: Claims): Uint8Array {
  const { actor, block, assurance } = claims
  const map = new Map<number, CborValue>([
    [CLAIM.iss, claims.node],
    [CLAIM.iat, claims.issuedAt],
    [CLAIM.profile, CLAIMS_PROFILE],
    [CLAIM.actor, [actor.name, actor.version, fromHex(actor.sha256)]],
    [CLAIM.capabilities, parseGrants(encodeGrants(claims.capabilities))],
    [CLAIM.run, fromHex(claims.run)],
    [CLAIM.evidence, fromHex(claims.evidence)],
    [CLAIM.block, [block.number, fromHex(block.hash)]],
    [CLAIM.assurance, [assurance.integrity, assurance.confidentiality]],
    [CLAIM.isolation, claims.isolation],
    [CLAIM.operation, claims.operation],
    [CLAIM.request, fromHex(claims.request)],
    [CLAIM.response, fromHex(claims.response)],
    [CLAIM.outcome, claims.outcome],
  ])
  if (claims.fuel !== undefined) map.set(CLAIM.fuel, claims.fuel)
  if (claims.trace !== undefined) map.set(CLAIM.trace, fromHex(claims.trace))
  if (claims.children) map.set(CLAIM.children, claims.children.map(fromHex))
  return encodeCbor(map)
}

/**
 * Reads claims; says nothing of their truth.
 * @throws TeapotError `cbor/malformed`, `proof/claims-malformed`, `proof/claims-unknown` for an unknown critical claim.
 */
export function parseClaims(bytes: Uint8Array): Claims {
  const map = decodeCbor(bytes)
  if (!(map instanceof Map)) return shape.refuse('claims', 'a map', typeof map)
  const unknown = unknownKeys(map)
  if (map.get(CLAIM.profile) !== CLAIMS_PROFILE) {
    shape.refuse('eat_profile', CLAIMS_PROFILE, String(map.get(CLAIM.profile)))
  }
  const [name, version, digest] = shape.array(map.get(CLAIM.actor), 'actor', 3)
  const [number, hash] = shape.array(map.get(CLAIM.block), 'block', 2)
  const [integrity, confidentiality] = shape.array(map.get(CLAIM.assurance), 'assurance', 2)
  return {
    node: parseIssuer(map.get(CLAIM.iss)),
    issuedAt: shape.uint(map.get(CLAIM.iat), 'iat'),
    actor: {
      name: shape.text(name, 'actor'),
      version: shape.uint(version, 'actor'),
      sha256: shape.hex(digest, 'actor', 32),
    },
    capabilities: parseCapabilities(map.get(CLAIM.capabilities)),
    run: shape.hex(map.get(CLAIM.run), 'run', 32),
    evidence: shape.hex(map.get(CLAIM.evidence), 'evidence', 32),
    block: { number: shape.uint(number, 'block'), hash: shape.hex(hash, 'block', 32) },
    assurance: {
      integrity: shape.oneOf(integrity, 'assurance', INTEGRITY),
      confidentiality: shape.oneOf(confidentiality, 'assurance', CONFIDENTIALITY),
    },
    isolation: shape.oneOf(map.get(CLAIM.isolation), 'isolation', ISOLATION),
    operation: shape.text(map.get(CLAIM.operation), 'operation'),
    request: shape.hex(map.get(CLAIM.request), 'request', 32),
    response: shape.hex(map.get(CLAIM.response), 'response', 32),
    outcome: shape.text(map.get(CLAIM.outcome), 'outcome'),
    ...(map.has(CLAIM.fuel) && { fuel: shape.uint(map.get(CLAIM.fuel), 'fuel') }),
    ...(map.has(CLAIM.trace) && { trace: shape.hex(map.get(CLAIM.trace), 'trace', 32) }),
    ...(map.has(CLAIM.children) && { children: parseChildren(map.get(CLAIM.children)) }),
    ...(unknown.length > 0 && { unknown }),
  }
}

/** The entry of the Merkle tree for some claims: SHA-256(salt ‖ claims), so that a leaf tells nothing without its salt. */
export function leafInput(salt: Uint8Array, claims: Uint8Array): Uint8Array {
  return sha256(concatBytes(salt, claims))
}

/** Keys that may be passed over; throws on a critical one. */
function unknownKeys(map: Map<number | string, CborValue>): number[] {
  const known = new Set<number | string>(Object.values(CLAIM))
  const unknown: number[] = []
  for (const key of map.keys()) {
    if (known.has(key)) continue
    if (typeof key !== 'number' || (key <= CRITICAL.from && key >= CRITICAL.to)) {
      throw new TeapotError(
        'proof/claims-unknown',
        `Cannot read claims: claim ${key} is critical and unknown to this version; verify with a newer one`,
      )
    }
    unknown.push(key)
  }
  for (const key of known) {
    if (!map.has(key) && !OPTIONAL.includes(key as number)) shape.refuse('claims', `the claim ${key}`, 'none')
  }
  return unknown
}

function parseIssuer(value: CborValue | undefined): NodeId {
  const text = shape.text(value, 'iss')
  return /^0x[0-9a-f]{64}$/.test(text) ? (text as NodeId) : shape.refuse('iss', 'a node id', `'${text.slice(0, 80)}'`)
}

/** None is told by the claim's absence, so that there is one way to say it. */
function parseChildren(value: CborValue | undefined): Digest[] {
  const digests = shape.array(value, 'children').map((digest) => shape.hex(digest, 'children', 32))
  return digests.length > 0 ? digests : shape.refuse('children', 'a digest', 'none')
}

function parseCapabilities(value: CborValue | undefined): string[] {
  const list = shape.array(value, 'capabilities')
  try {
    return parseGrants(encodeCbor(list))
  } catch (cause) {
    throw new TeapotError('proof/claims-malformed', `Cannot read claims: ${(cause as Error).message}`, { cause })
  }
}
