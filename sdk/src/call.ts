import {
  type Digest,
  leafInput,
  type NodeId,
  parseClaims,
  parseReceipt,
  receiptCheckpoint,
  TeapotError,
  type Verdict,
} from '@teapot-network/trust'
import type { CallRequest, CallResponse, ChildResult } from '@teapot-network/trust/call'
import { type Attested, type AttestParts, attestNode } from './attest.ts'
import { failureOf, getBytes, request } from './http.ts'
import { bundleResult, proveResult, type Receipted } from './proof.ts'
import { EvidenceRefused, type Skipped } from './refusals.ts'
import { sealCall } from './sealing.ts'
import { httpLog } from './tiles.ts'
import { nodeConsistency, type Witness } from './witness.ts'

/** What came of a call, on whose word. */
export interface CallResult {
  /** `ok`, or the code of the error that the call ended with; then `payload` is its message. Both are covered by the proof. */
  outcome: string
  payload: Uint8Array
  /** The `.proof` bundle, verified before it is handed out; absent in mode `later`. */
  proof?: Uint8Array
  /** What the actor saw of the world, when the call asked for it (spec/host.md §9); the proof covers its digest. */
  trace?: Uint8Array
  /** Fetches the receipt later. */
  receiptId: string
  node: NodeId
  verdict: Verdict
  /** Nodes that were passed over before this one, and why. */
  skipped: readonly Skipped[]
}

/** What a result needs to be proven later. */
export interface Pending {
  call: CallRequest
  response: CallResponse
  attested: Attested
}

/** How long and how large an answer may be. */
export interface CallBounds {
  callTimeoutMs: number
  answerLimitBytes: number
}

/**
 * Calls one attested node: seal, send, unseal, verify.
 * @throws EvidenceRefused when its verdict is not affirming; nothing was sent then
 * @throws TeapotError `sdk/unseal-failed`, `sdk/node-unreachable`, what the node answers (`serve/…`), ProofRefused
 */
export async function callAttested(
  attested: Attested,
  call: CallRequest,
  parts: AttestParts,
  bounds: CallBounds,
  signal: AbortSignal | undefined,
): Promise<Pending> {
  const { node, verdict, evidence, digest } = attested
  if (verdict.tier !== 'affirming') throw new EvidenceRefused(node.id, verdict)
  const sealed = await sealCall({ sealKey: evidence.keys.seal, run: verdict.run, evidence: digest }, call)
  const answer = await request(`${node.url}/v1/calls`, {
    fetch: parts.fetch,
    timeoutMs: bounds.callTimeoutMs,
    limitBytes: bounds.answerLimitBytes,
    signal,
    method: 'POST',
    body: sealed.body,
  })
  if (answer.status !== 200) throw failureOf(answer, node.url)
  return { call, response: await sealed.open(answer.body), attested }
}

/**
 * The verified proof of an answered call. A receipt may cite evidence newer than what the request was sealed to, because its actor was
 * measured meanwhile; then that is fetched and appraised too. Its checkpoint has to extend what the witness saw of the log before.
 * @throws TeapotError `sdk/unproven` when the answer came without claims or without a receipt, EvidenceRefused, ProofRefused, those of {@link Witness.see}
 */
export async function provePending(
  { call, response, attested }: Pending,
  parts: AttestParts,
  witness: Witness,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (response.claims.length === 0) throw unproven(`${response.outcome}, and no code that could vouch for it`)
  const { result, cited, children } = await gather(response, attested, parts, signal)
  const proof = await proveResult(call, result, cited, children)
  const checkpoint = receiptCheckpoint(parseReceipt(result.receipt), leafInput(result.salt, result.claims))
  const log = httpLog(`${attested.node.url}/v1/logs/${checkpoint.log}/`, { ...parts, signal })
  await witness.see(checkpoint, cited.bytes, nodeConsistency(log))
  return proof
}

/** The receipt of a result, the evidence that its claims cite, and bundles of its children; whether they hold is found with the whole. */
async function gather<T extends CallResponse | ChildResult>(
  response: T,
  attested: Attested,
  parts: AttestParts,
  signal: AbortSignal | undefined,
): Promise<{ result: Receipted<T>; cited: Attested; children: Uint8Array[] }> {
  const receipt = response.receipt ?? (await fetchReceipt(attested, response.id, parts, signal))
  const cited = await citedEvidence(attested, parseClaims(response.claims).evidence, parts, signal)
  const children: Uint8Array[] = []
  for (const child of response.children) {
    const below = await gather(child, attested, parts, signal)
    children.push(bundleResult(below.result, below.cited, below.children))
  }
  return { result: { ...response, receipt }, cited, children }
}

async function fetchReceipt(
  { node }: Attested,
  id: string,
  { fetch, timeoutMs }: AttestParts,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const url = `${node.url}/v1/receipts/${encodeURIComponent(id)}`
  return getBytes(url, { fetch, timeoutMs, limitBytes: 64 * 1024, signal })
}

async function citedEvidence(
  attested: Attested,
  digest: Digest,
  parts: AttestParts,
  signal: AbortSignal | undefined,
): Promise<Attested> {
  if (digest === attested.digest) return attested
  const cited = await attestNode(attested.node, parts, { maxAgeMs: 0, digest, signal })
  if (cited.verdict.tier !== 'affirming' || cited.digest !== digest) {
    throw new EvidenceRefused(attested.node.id, cited.verdict)
  }
  return cited
}

function unproven(found: string): TeapotError {
  return new TeapotError('sdk/unproven', `Cannot prove the result: expected claims, found ${found}`)
}
