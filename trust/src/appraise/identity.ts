import { type NodeId, toHex } from '../bytes.ts'
import type { Evidence } from '../evidence.ts'
import type { NodeRecord } from '../ledger-facts.ts'
import { createMemo } from '../memo.ts'
import { akPoint, nodeIdOf } from '../tpm/public.ts'
import type { Reason } from '../verdict.ts'
import { check, fail, group, short, unchecked } from './reason.ts'

const TITLE = 'The node is who it says it is'
/** A Verifier sees the same few AKs each epoch. */
const ids = createMemo<NodeId>()

/** Whether the evidence's AK, node id and operator are those of the ledger's record (spec/trust-model.md §2.2). */
export function appraiseIdentity(
  evidence: Evidence,
  record: NodeRecord | undefined,
  expectedNode: string | undefined,
): { reason: Reason; ak: Uint8Array | undefined } {
  const reasons: Reason[] = []
  if (expectedNode !== undefined) {
    reasons.push(
      check('identity/asked', 'It is the node that was asked', evidence.node === expectedNode, {
        expected: `node ${short(expectedNode)}`,
        found: `node ${short(evidence.node)}`,
        source: 'the caller',
        fix: 'ask the node by the contact that the ledger names',
      }),
    )
  }
  const { reason, ak } = appraiseAk(evidence)
  reasons.push(...reason, ...appraiseRecord(evidence, record, ak))
  return { reason: group('identity', TITLE, reasons), ak }
}

function appraiseAk(evidence: Evidence): { reason: Reason[]; ak: Uint8Array | undefined } {
  const name = "The node id is the digest of the AK's Name"
  const { reason, ak } = readAk(evidence.ak)
  if (!ak) return { reason: [reason, unchecked('identity/name', name)], ak }
  const id = ids(toHex(evidence.ak), () => nodeIdOf(evidence.ak))
  const named = check('identity/name', name, id === evidence.node, {
    expected: `node ${short(id)}`,
    found: `node ${short(evidence.node)}`,
    source: 'spec/evidence.md §1',
    fix: 'send the AK that belongs to the node id',
  })
  return { reason: [reason, named], ak }
}

/** The AK's point, where it follows the one template that we take (spec/evidence.md §1). */
export function readAk(publicArea: Uint8Array): { reason: Reason; ak: Uint8Array | undefined } {
  const id = 'identity/ak'
  const title = 'The AK is a restricted signing key that never leaves its TPM'
  const ak = akPoint(publicArea)
  const reason = check(id, title, ak !== undefined, {
    expected: 'the TPMT_PUBLIC of the template: P-256, ECDSA with SHA-256, fixed, restricted, signing only',
    found: `${publicArea.length} bytes that begin ${toHex(publicArea.subarray(0, 22))}`,
    source: 'spec/evidence.md §1',
    fix: 'make the AK by the template, and register again',
  })
  return { reason, ak }
}

function appraiseRecord(evidence: Evidence, record: NodeRecord | undefined, ak: Uint8Array | undefined): Reason[] {
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
  const point = ak && { x: toHex(ak.subarray(1, 33)), y: toHex(ak.subarray(33)) }
  return [
    check('identity/registered', registered, point?.x === record.akX && point?.y === record.akY, {
      expected: `the AK with x ${short(record.akX)}`,
      found: point ? `x ${short(point.x)}` : 'another key',
      source,
      fix: 'register the node by its own AK',
    }),
    check('identity/operator', operator, evidence.operator === record.operator, {
      expected: `operator ${record.operator}`,
      found: evidence.operator,
      source,
      fix: "set the node's operator account to the registered one",
    }),
  ]
}
