import { type Hex, type NodeId, toHex } from '../bytes.ts'
import type { Evidence } from '../evidence.ts'
import type { NodeRecord } from '../ledger-facts.ts'
import { createMemo } from '../memo.ts'
import { AK_BYTES, akPoint, nodeIdOf } from '../tpm/public.ts'
import type { Reason } from '../verdict.ts'
import { check, fail, group, short, unchecked } from './reason.ts'

const TITLE = 'The node is who it says it is'
/** An AK that follows the template: its point (uncompressed and by coordinate) and the node id that it makes. */
interface KnownAk {
  ak: Uint8Array
  x: Hex
  y: Hex
  id: NodeId
}

/** A Verifier sees the same few AKs each epoch. */
const known = createMemo<KnownAk | typeof NONE>()
const NONE = { ak: undefined, x: undefined, y: undefined, id: undefined }

/** Whether the evidence's AK, node id and operator are those of the ledger's record (spec/trust-model.md §2.2). */
export function appraiseIdentity(
  evidence: Evidence,
  record: NodeRecord | undefined,
  expectedNode: string | undefined,
): { reason: Reason; ak: Uint8Array | undefined } {
  const reasons: Reason[] = []
  if (expectedNode !== undefined) {
    reasons.push(
      check('identity/asked', 'It is the node that was asked', evidence.node === expectedNode, () => ({
        expected: `node ${short(expectedNode)}`,
        found: `node ${short(evidence.node)}`,
        source: 'the caller',
        fix: 'ask the node by the contact that the ledger names',
      })),
    )
  }
  const { reason, ...ak } = readAk(evidence.ak)
  reasons.push(reason, appraiseName(evidence, ak.id), ...appraiseRecord(evidence, record, ak))
  return { reason: group('identity', TITLE, reasons), ak: ak.ak }
}

function appraiseName(evidence: Evidence, id: NodeId | undefined): Reason {
  const name = "The node id is the digest of the AK's Name"
  if (id === undefined) return unchecked('identity/name', name)
  return check('identity/name', name, id === evidence.node, () => ({
    expected: `node ${short(id)}`,
    found: `node ${short(evidence.node)}`,
    source: 'spec/evidence.md §1',
    fix: 'send the AK that belongs to the node id',
  }))
}

/** The AK's point, where it follows the one template that we take (spec/evidence.md §1). */
export function readAk(publicArea: Uint8Array): { reason: Reason } & (KnownAk | typeof NONE) {
  const id = 'identity/ak'
  const title = 'The AK is a restricted signing key that never leaves its TPM'
  // No key of the memory is longer than an AK.
  const ak = publicArea.length === AK_BYTES ? known(toHex(publicArea), () => knowAk(publicArea)) : NONE
  const reason = check(id, title, ak.ak !== undefined, () => ({
    expected: 'the TPMT_PUBLIC of the template: P-256, ECDSA with SHA-256, fixed, restricted, signing only',
    found: `${publicArea.length} bytes that begin ${toHex(publicArea.subarray(0, 22))}`,
    source: 'spec/evidence.md §1',
    fix: 'make the AK by the template, and register again',
  }))
  return { reason, ...ak }
}

function knowAk(publicArea: Uint8Array): KnownAk | typeof NONE {
  const ak = akPoint(publicArea)
  if (!ak) return NONE
  return { ak, x: toHex(ak.subarray(1, 33)), y: toHex(ak.subarray(33)), id: nodeIdOf(publicArea) }
}

function appraiseRecord(evidence: Evidence, record: NodeRecord | undefined, { x, y }: KnownAk | typeof NONE): Reason[] {
  const registered = 'The node is registered'
  const operator = "The operator is the ledger's"
  const source = 'NodeRegistry'
  if (!record) {
    const failure = {
      expected: 'a registered node',
      found: `no record of ${short(evidence.node)}`,
      source,
      fix: 'register the node',
    }
    return [fail('identity/registered', registered, failure), unchecked('identity/operator', operator)]
  }
  return [
    check('identity/registered', registered, x === record.akX && y === record.akY, () => ({
      expected: `the AK with x ${short(record.akX)}`,
      found: x ? `x ${short(x)}` : 'another key',
      source,
      fix: 'register the node by its own AK',
    })),
    check('identity/operator', operator, evidence.operator === record.operator, () => ({
      expected: `operator ${record.operator}`,
      found: evidence.operator,
      source,
      fix: "set the node's operator account to the registered one",
    })),
  ]
}
