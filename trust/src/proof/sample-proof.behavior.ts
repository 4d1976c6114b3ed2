import { swtpm } from '../../vectors/swtpm.ts'
import {
  akPublic,
  type Claims,
  concatBytes,
  type Evidence,
  encodeBundle,
  encodeCheckpointHeader,
  encodeClaims,
  encodeEvidence,
  encodeReceipt,
  epochNonce,
  evidenceDigest,
  fromHex,
  type LedgerFacts,
  leafHash,
  leafInput,
  nodeIdOf,
  type ProofBundle,
  parseEvidence,
  parsePolicy,
  qualifyingData,
  requestDigest,
  responseDigest,
  runDigest,
  selectFacts,
  sha256,
  sigStructure,
  toHex,
  utf8,
} from '../index.ts'
import { inclusionPath, rootOf } from './naive-tree.behavior.ts'

/** What the sample's caller asked and got. */
export const REQUEST = { actor: 'hello', operation: 'greet', payload: utf8('world') }
export const RESPONSE = { outcome: 'ok', payload: utf8('hello, world') }
export const SALT = Uint8Array.from({ length: 16 }, (_, i) => i)
const INDEX = 5
const SIZE = 11

/** A proof with everything genuine but the TPM: here the AK is a key in memory, so that the run's key can be known. */
export interface SampleProof {
  bundle: ProofBundle
  bytes: Uint8Array
  facts: LedgerFacts
  claims: Claims
  evidence: Evidence
  /** The sample with other claims, issued by the same node in the same way. */
  issue(change: Partial<Claims>): Promise<Uint8Array>
  /** The sample with other protected header fields or another place in the log. */
  receiptFor(leaf: Uint8Array, change?: { sequence?: number; log?: number; index?: number }): Promise<Uint8Array>
}

interface KeyPair {
  publicKey: CryptoKey
  privateKey: CryptoKey
}

/** Makes the sample. @param change alters the evidence before it is quoted */
export async function makeSampleProof(change: Partial<Evidence> = {}): Promise<SampleProof> {
  const [ak, receiptKey] = [await createKey(), await createKey()]
  const facts = swtpm.facts()
  const akPoint = await pointOf(ak)
  const akBytes = akPublic(akPoint.subarray(1, 33), akPoint.subarray(33))
  const node = nodeIdOf(akBytes)
  Object.assign(facts.nodes[0]!, { id: node, akX: toHex(akPoint.subarray(1, 33)), akY: toHex(akPoint.subarray(33)) })
  const vector = parseEvidence(swtpm.evidence)
  const unquoted: Evidence = {
    ...vector,
    node,
    ak: akBytes,
    nonce: epochNonce(facts.epoch.seed, vector.epoch, node),
    keys: { ...vector.keys, receipt: toHex(await pointOf(receiptKey)) },
    checkpoint: { log: 1, sequence: 3, size: 4, root: toHex(sha256(utf8('earlier'))) },
    ...change,
  }
  const evidence = { ...unquoted, quote: await quote(ak, vector, qualifyingData(unquoted)) }
  const evidenceBytes = encodeEvidence(evidence)
  const claims: Claims = {
    node,
    issuedAt: 1_800_000_000,
    actor: { name: 'hello', version: 1, sha256: toHex(sha256(utf8('actor bytes'))) },
    capabilities: ['kv.read'],
    run: runDigest(evidence.keys),
    evidence: evidenceDigest(evidenceBytes),
    block: evidence.chain.block,
    assurance: { integrity: 'none', confidentiality: 'none' },
    operation: REQUEST.operation,
    request: requestDigest(REQUEST),
    response: responseDigest(RESPONSE),
    outcome: RESPONSE.outcome,
  }
  const policy = swtpm.policy
  const relied = selectFacts(facts, evidence, parsePolicy(policy), 'one-endpoint')
  const receiptFor: SampleProof['receiptFor'] = async (leaf, { sequence = 4, log = 1, index = INDEX } = {}) => {
    const leaves = Array.from({ length: SIZE }, (_, i) => leafHash(i === index ? leaf : Uint8Array.of(i)))
    const previousRoot = evidence.checkpoint.root
    const protectedBytes = encodeCheckpointHeader({ node, log, run: claims.run, sequence, size: SIZE, previousRoot })
    const signature = await sign(receiptKey, sigStructure(protectedBytes, rootOf(leaves)))
    return encodeReceipt({ protectedBytes, signature, index, size: SIZE, path: inclusionPath(index, leaves) })
  }
  const bundleOf = async (claimsBytes: Uint8Array): Promise<ProofBundle> => ({
    claims: claimsBytes,
    salt: SALT,
    receipt: await receiptFor(leafInput(SALT, claimsBytes)),
    evidence: evidenceBytes,
    policy,
    facts: relied,
  })
  const bundle = await bundleOf(encodeClaims(claims))
  return {
    bundle,
    bytes: encodeBundle(bundle),
    facts,
    claims,
    evidence,
    issue: async (other) => encodeBundle(await bundleOf(encodeClaims({ ...claims, ...other }))),
    receiptFor,
  }
}

/** The vector's TPMS_ATTEST with other qualifying data, as a TPM with this AK would sign it (TPM 2.0 Part 2 §10.12). */
async function quote(ak: KeyPair, vector: Evidence, data: string): Promise<Evidence['quote']> {
  const { attest } = vector.quote
  const at = indexOf(attest, fromHex(qualifyingData(vector)))
  const changed = concatBytes(attest.subarray(0, at), fromHex(data), attest.subarray(at + 32))
  const signature = await sign(ak, changed)
  const head = [0x00, 0x18, 0x00, 0x0b, 0x00, 0x20]
  const parts = [Uint8Array.from(head), signature.subarray(0, 32), Uint8Array.of(0x00, 0x20), signature.subarray(32)]
  return { attest: changed, signature: concatBytes(...parts) }
}

function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  for (let at = 0; at < bytes.length; at++) if (part.every((byte, i) => bytes[at + i] === byte)) return at
  throw new Error('Cannot find the qualifying data in the attest bytes')
}

function createKey(): Promise<KeyPair> {
  return crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
}

async function pointOf({ publicKey }: KeyPair): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.exportKey('raw', publicKey))
}

async function sign({ privateKey }: KeyPair, message: Uint8Array): Promise<Uint8Array> {
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
  return new Uint8Array(await crypto.subtle.sign(algorithm, privateKey, new Uint8Array(message)))
}
