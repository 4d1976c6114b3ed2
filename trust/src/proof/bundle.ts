import { decodeCbor, encodeCbor } from '../cbor.ts'
import { shapeOf } from '../cbor-shape.ts'
import { SALT_BYTES } from './claims.ts'
import { encodeRelied, parseRelied, type ReliedFacts } from './relied-facts.ts'

const shape = shapeOf('proof/bundle-malformed', 'proof bundle')

/** A proof of trust: all it takes to check one result without asking anybody (spec/proof.md §7). */
export interface ProofBundle {
  claims: Uint8Array
  salt: Uint8Array
  receipt: Uint8Array
  /** The evidence that the claims cite. */
  evidence: Uint8Array
  /** The policy that the evidence is appraised under, canonical. */
  policy: Uint8Array
  facts: ReliedFacts
}

/** The bytes of a `.proof` file. */
export function encodeBundle(bundle: ProofBundle): Uint8Array {
  const { claims, salt, receipt, evidence, policy, facts } = bundle
  return encodeCbor({ v: 1, claims, salt, receipt, evidence, policy, facts: encodeRelied(facts) })
}

/** Reads a bundle; its parts stay opaque. @throws TeapotError `cbor/malformed`, `proof/bundle-malformed` */
export function parseBundle(bytes: Uint8Array): ProofBundle {
  const keys = ['v', 'claims', 'salt', 'receipt', 'evidence', 'policy', 'facts']
  const map = shape.map(decodeCbor(bytes), 'bundle', keys)
  if (map.get('v') !== 1) shape.refuse('v', 'version 1', String(map.get('v')))
  return {
    claims: shape.bytes(map.get('claims'), 'claims'),
    salt: shape.bytes(map.get('salt'), 'salt', SALT_BYTES),
    receipt: shape.bytes(map.get('receipt'), 'receipt'),
    evidence: shape.bytes(map.get('evidence'), 'evidence'),
    policy: shape.bytes(map.get('policy'), 'policy'),
    facts: parseRelied(map.get('facts')),
  }
}
