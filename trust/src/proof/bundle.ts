import { type CborValue, decodeCbor, encodeCbor } from '../cbor.ts'
import { shapeOf } from '../cbor-shape.ts'
import type { LedgerFacts } from '../ledger-facts.ts'
import { SALT_BYTES } from './claims.ts'
import { blockArray, encodeRelied, parseBlock, parseRelied, type ReliedFacts } from './relied-facts.ts'

const shape = shapeOf('proof/bundle-malformed', 'proof bundle')
/** How deep results may rest on each other (spec/proof.md §9.6). */
export const MAX_DEPTH = 8
/** How many a bundle may bring in all. */
export const MAX_BUNDLES = 64
const KEYS = ['v', 'claims', 'salt', 'receipt', 'evidence', 'policy', 'facts']
const OPTIONAL = ['references', 'confirmation', 'anchor', 'children']

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
  /** The document `reference-values`, where the evidence shows a platform or an enclave. */
  references?: Uint8Array
  confirmation?: ProofConfirmation
  anchor?: ProofAnchor
  /** Bundles of the results that the claims name as children, in their order. */
  children?: Uint8Array[]
}

/** Later evidence of the same boot, and the facts of its own epoch that it is appraised by (spec/proof.md §8.1). */
export interface ProofConfirmation {
  evidence: Uint8Array
  facts: ReliedFacts
}

/** A checkpoint that an epoch put on the ledger, and how the receipt's leads to it (spec/proof.md §8.2). */
export interface ProofAnchor {
  /** The epoch's leaf. @see parseEpochLeaf */
  leaf: Uint8Array
  /** Its place in the epoch's tree of `size` leaves. */
  index: number
  size: number
  path: Uint8Array[]
  /** From the receipt's tree to the leaf's checkpoint; empty where they are equal. */
  consistency: Uint8Array[]
  /** The block that closed the epoch. */
  block: LedgerFacts['block']
}

/** The bytes of a `.proof` file. */
export function encodeBundle(bundle: ProofBundle): Uint8Array {
  const { claims, salt, receipt, evidence, policy, facts, references, confirmation, anchor, children } = bundle
  return encodeCbor({
    ...{ v: 1, claims, salt, receipt, evidence, policy, facts: encodeRelied(facts) },
    ...(references && { references }),
    ...(confirmation && {
      confirmation: { evidence: confirmation.evidence, facts: encodeRelied(confirmation.facts) },
    }),
    ...(anchor && { anchor: { ...anchor, block: blockArray(anchor.block) } }),
    ...(children && { children }),
  })
}

/** Reads a bundle; its parts stay opaque. @throws TeapotError `cbor/malformed`, `proof/bundle-malformed` */
export function parseBundle(bytes: Uint8Array): ProofBundle {
  const map = shape.map(decodeCbor(bytes), 'bundle', KEYS, OPTIONAL)
  if (map.get('v') !== 1) shape.refuse('v', 'version 1', String(map.get('v')))
  const part = <T>(key: string, read: (value: CborValue) => T) => map.has(key) && { [key]: read(map.get(key)!) }
  return {
    claims: shape.bytes(map.get('claims'), 'claims'),
    salt: shape.bytes(map.get('salt'), 'salt', SALT_BYTES),
    receipt: shape.bytes(map.get('receipt'), 'receipt'),
    evidence: shape.bytes(map.get('evidence'), 'evidence'),
    policy: shape.bytes(map.get('policy'), 'policy'),
    facts: parseRelied(map.get('facts')),
    ...part('references', (value) => shape.bytes(value, 'references')),
    ...part('confirmation', parseConfirmation),
    ...part('anchor', parseAnchor),
    ...part('children', parseChildren),
  }
}

function parseConfirmation(value: CborValue): ProofConfirmation {
  const map = shape.map(value, 'confirmation', ['evidence', 'facts'])
  return {
    evidence: shape.bytes(map.get('evidence'), 'confirmation.evidence'),
    facts: parseRelied(map.get('facts')),
  }
}

function parseAnchor(value: CborValue): ProofAnchor {
  const map = shape.map(value, 'anchor', ['leaf', 'index', 'size', 'path', 'consistency', 'block'])
  return {
    leaf: shape.bytes(map.get('leaf'), 'anchor.leaf'),
    index: shape.uint(map.get('index'), 'anchor.index'),
    size: shape.uint(map.get('size'), 'anchor.size'),
    path: parseHashes(map.get('path'), 'anchor.path'),
    consistency: parseHashes(map.get('consistency'), 'anchor.consistency'),
    block: parseBlock(map.get('block')),
  }
}

function parseHashes(value: CborValue | undefined, name: string): Uint8Array[] {
  return shape.array(value, name).map((hash) => shape.bytes(hash, name, 32))
}

function parseChildren(value: CborValue): Uint8Array[] {
  const children = shape.array(value, 'children').map((child) => shape.bytes(child, 'children'))
  return children.length > 0 ? children : shape.refuse('children', 'a bundle', 'none')
}
