import { check } from '../appraise/reason.ts'
import { type Digest, toHex } from '../bytes.ts'
import { digestOf, sha256 } from '../digest.ts'
import { type Evidence, parseEvidence } from '../evidence.ts'
import { createMemo } from '../memo.ts'
import { type Policy, parsePolicy } from '../policy.ts'
import { TeapotError } from '../teapot-error.ts'
import type { Reason } from '../verdict.ts'
import { type ProofAnchor, type ProofBundle, parseBundle } from './bundle.ts'
import type { SignedCheckpoint } from './checkpoint.ts'
import { type Claims, leafInput, parseClaims } from './claims.ts'
import { type EpochLeaf, parseEpochLeaf } from './epoch-leaf.ts'
import { leafHash, rootFromInclusion } from './merkle.ts'
import { parseReceipt, type Receipt, receiptCheckpoint } from './receipt.ts'

/** All that a bundle holds, read. */
export interface Parts {
  bundle: ProofBundle
  /** What stands in the log for the claims. */
  leaf: Uint8Array
  claims: Claims
  receipt: Receipt
  /** The receipt's checkpoint, with the root that the leaf leads to. */
  checkpoint: SignedCheckpoint
  evidence: Evidence
  policy: Policy
  /** The evidence of the confirmation. */
  later?: Evidence
  anchored?: Anchored
}

/** An anchor with its leaf read, and the root that the leaf leads to. */
export interface Anchored extends ProofAnchor {
  says: EpochLeaf
  root: Digest
}

const SOURCE = 'spec/proof.md §9'
const FIX = 'ask the node for the proof again; if it fails again, the result is not what the node signed'

/** A step of spec/proof.md §9; where it fails, nothing mends it but another proof. */
export function link(id: string, title: string, holds: boolean, expected: string, found: string): Reason {
  return check(`proof/${id}`, title, holds, { expected, found, source: SOURCE, fix: FIX })
}

/** Reads a bundle whole, or says why it can't be read. */
export function readParts(bytes: Uint8Array): { parts: Parts } | { reason: Reason } {
  try {
    return { parts: parseParts(bytes) }
  } catch (error) {
    if (!(error instanceof TeapotError)) throw error
    const found = `${error.code}: ${error.message}`
    return { reason: link('form', 'All that is in the bundle can be read', false, 'a proof of trust', found) }
  }
}

/** What was found of EK chains is remembered by policy, and proofs of one network share theirs. */
const policies = createMemo<Policy>(16)

/** @throws TeapotError as the parser of the part that can't be read */
export function parseParts(bytes: Uint8Array): Parts {
  const bundle = parseBundle(bytes)
  const { anchor, confirmation } = bundle
  const receipt = parseReceipt(bundle.receipt)
  const leaf = leafInput(bundle.salt, bundle.claims)
  return {
    bundle,
    leaf,
    claims: parseClaims(bundle.claims),
    receipt,
    checkpoint: receiptCheckpoint(receipt, leaf),
    evidence: parseEvidence(bundle.evidence),
    policy: policies(digestOf(bundle.policy), () => parsePolicy(bundle.policy)),
    ...(confirmation && { later: parseEvidence(confirmation.evidence) }),
    ...(anchor && { anchored: readAnchor(anchor) }),
  }
}

function readAnchor(anchor: ProofAnchor): Anchored {
  const { leaf, index, size, path } = anchor
  const root = toHex(rootFromInclusion(index, size, leafHash(sha256(leaf)), path))
  return { ...anchor, says: parseEpochLeaf(leaf), root }
}
