import { type Digest, type NodeId, parseClaims, TeapotError, type Verdict } from '@teapot-network/trust'
import type { CallRequest, CallResponse } from '@teapot-network/trust/call'
import { type Attested, type AttestParts, attestNode } from './attest.ts'
import { failureOf, getBytes, request } from './http.ts'
import { proveResult } from './proof.ts'
import { EvidenceRefused, type Skipped } from './refusals.ts'
import { sealCall } from './sealing.ts'

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
 * measured meanwhile; then that is fetched and appraised too.
 * @throws TeapotError `sdk/unproven` when the answer came without claims or without a receipt, EvidenceRefused, ProofRefused
 */
export async function provePending(
  { call, response, attested }: Pending,
  parts: AttestParts,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (response.claims.length === 0) throw unproven(`${response.outcome}, and no code that could vouch for it`)
  const receipt = response.receipt ?? (await fetchReceipt(attested, response.id, parts, signal))
  const cited = await citedEvidence(attested, parseClaims(response.claims).evidence, parts, signal)
  const agreeing = (parts.facts.source.rpcUrls?.length ?? 1) > 1
  return proveResult(call, { ...response, receipt }, cited, agreeing ? 'agreeing-endpoints' : 'one-endpoint')
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
