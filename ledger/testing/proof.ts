/** Proofs of trust as a node makes them, its TPM and keys made up. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import {
  akPublic,
  type Claims,
  concatBytes,
  type Entry,
  EntryKind,
  type Evidence,
  encodeEntry,
  encodeGrants,
  entryDigest,
  evidenceDigest,
  fromHex,
  type Hex,
  leafHash,
  leafInput,
  PCR_C,
  PCR_R,
  type ProofAnchor,
  type ProofBundle,
  qualifyingData,
  rootFromInclusion,
  runDigest,
  type SignedCheckpoint,
  sha256,
  sigStructure,
  toHex,
} from '@teapot-network/trust'
import {
  encodeCheckpointHeader,
  encodeClaims,
  encodeEpochLeaf,
  encodeEvidence,
  encodeLogRecord,
  encodeReceipt,
  inclusionPath,
  treeRoot,
} from '@teapot-network/trust/encode'
import { type Chain, sha256Hex, type TestNode, ZERO } from './chain.ts'
import { quoteBy, replay } from './quote.ts'

/** A run of a node, and one quote of it. */
export interface TestRun {
  node: TestNode
  receiptKey: KeyObject
  evidence: Evidence
  evidenceBytes: Uint8Array
}

/** A result in the log of a run. */
export interface TestResult {
  parts: Pick<ProofBundle, 'claims' | 'salt' | 'receipt' | 'evidence'>
  claims: Claims
  checkpoint: SignedCheckpoint
  /** What an epoch says of the checkpoint. */
  epochLeaf(epoch: number, change?: { node?: Hex; log?: number; size?: number; root?: Hex }): Uint8Array
}

const entry = (kind: EntryKind, name: string, grants: Uint8Array): Entry => ({
  kind,
  name,
  sha256: sha256Hex(name),
  grants,
})

/** What boots: its two entries stand in R. */
export const RUNTIME = [EntryKind.launcher, EntryKind.runtime].map((kind) => {
  return entry(kind, kind === EntryKind.launcher ? 'launcher' : 'runtime', fromHex('0x'))
})
/** The value of R that {@link RUNTIME} makes. */
export const RUNTIME_R = replay(RUNTIME.map(entryDigest))

/** An actor as it is measured, and what it claims to hold. */
export interface TestActor extends Entry {
  capabilities: string[]
}

/** An actor whose bytes are its name. @param grants by default those of these capabilities */
export function createActor(name: string, capabilities: string[] = [], grants = encodeGrants(capabilities)): TestActor {
  return { ...entry(EntryKind.actor, name, grants), capabilities }
}

/** Starts a run that has measured these actors, and quotes it. @param change what the evidence says otherwise, and the TPM signed */
export function createRun(
  { deployment }: Chain,
  node: TestNode,
  actors: readonly Entry[],
  change: Partial<Evidence> & { receiptKey?: KeyObject; pcrR?: Hex } = {},
): TestRun {
  const {
    receiptKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    pcrR,
    pcrs: more,
    ...said
  } = change
  const { x, y } = receiptKey.export({ format: 'jwk' })
  const point = Buffer.concat([Uint8Array.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')])
  const pcrs = { ...more, [PCR_R]: pcrR ?? RUNTIME_R, [PCR_C]: replay(actors.map(entryDigest)) }
  const records = [...RUNTIME, ...actors].map((one, i) => {
    return encodeLogRecord(i, i < RUNTIME.length ? PCR_R : PCR_C, encodeEntry(one))
  })
  const unquoted: Evidence = {
    ...{ v: 1, type: 'tpm-simulated', node: node.id, operator: node.operator, epoch: 1, nonce: sha256Hex('nonce') },
    chain: {
      id: deployment.chainId,
      registry: deployment.nodeRegistry,
      block: { number: 9, hash: sha256Hex('block') },
    },
    keys: { receipt: toHex(point), seal: sha256Hex('seal'), peer: sha256Hex('peer') },
    checkpoint: { log: 3, sequence: 70_000, size: 5, root: sha256Hex('quoted') },
    quote: { attest: new Uint8Array(), signature: new Uint8Array() },
    ...{ ak: akPublic(fromHex(node.akX), fromHex(node.akY)), pcrs, log: concatBytes(...records), ek: [] },
    ...said,
  }
  const { attest, r, s } = quoteBy(node.ak, { pcrs, extraData: qualifyingData(unquoted) }).shown
  const head = ['0x0018000b0020', r, '0x0020', s] as const
  const quote = { attest: fromHex(attest), signature: concatBytes(...head.map((part) => fromHex(part))) }
  const evidence = { ...unquoted, quote }
  return { node, receiptKey, evidence, evidenceBytes: encodeEvidence(evidence) }
}

/** The run answers, and puts that into its log. @param place a made-up path, by default, or a real tree's */
export function answer(
  run: TestRun,
  actor: TestActor,
  change: Partial<Claims> = {},
  place: { index?: number; size?: number; path?: (leaf: Uint8Array) => Uint8Array[]; sequence?: number } = {},
): TestResult {
  const { evidence, node, receiptKey } = run
  const claims: Claims = {
    ...{ node: node.id, issuedAt: 1_800_000_000 },
    actor: { name: actor.name, version: 1, sha256: actor.sha256 },
    ...{
      capabilities: actor.capabilities,
      run: runDigest(evidence.keys),
      evidence: evidenceDigest(run.evidenceBytes),
    },
    ...{ block: evidence.chain.block, assurance: { integrity: 'none', confidentiality: 'none' }, isolation: 'cgroup' },
    ...{ operation: 'greet', request: sha256Hex('request'), response: sha256Hex('response'), outcome: 'ok' },
    ...change,
  }
  const [bytes, salt] = [encodeClaims(claims), sha256(fromHex(node.id)).subarray(0, 16)]
  const leaf = leafHash(leafInput(salt, bytes))
  const { index = 6, size = 8, sequence = 80_000, path: pathOf = madeUp(3) } = place
  const path = pathOf(leaf)
  const header = { node: node.id, log: evidence.checkpoint.log, run: claims.run, sequence, size, previousRoot: ZERO }
  const checkpoint = signCheckpoint(receiptKey, { ...header, root: toHex(rootFromInclusion(index, size, leaf, path)) })
  return {
    parts: {
      claims: bytes,
      salt,
      receipt: encodeReceipt({ ...checkpoint, index, size, path }),
      evidence: run.evidenceBytes,
    },
    claims,
    checkpoint,
    epochLeaf: (epoch, { node: other, ...quoted } = {}) => {
      const said = { epoch, outcome: 'affirm', run: claims.run, evidence: sha256Hex('later') } as const
      const summary = { log: header.log, sequence: sequence + 1, size, root: checkpoint.root, ...quoted }
      return encodeEpochLeaf({ ...said, node: other ?? node.id, checkpoint: summary })
    },
  }
}

/** Signs a checkpoint with a run's key. */
export function signCheckpoint(
  key: KeyObject,
  header: Omit<SignedCheckpoint, 'protectedBytes' | 'signature'>,
): SignedCheckpoint {
  const protectedBytes = encodeCheckpointHeader(header)
  const message = sigStructure(protectedBytes, fromHex(header.root))
  const signature = new Uint8Array(sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' }))
  return { ...header, protectedBytes, signature }
}

/** A path of so many siblings, none of them a tree's. */
export function madeUp(depth: number) {
  return () => Array.from({ length: depth }, (_, i) => sha256(Uint8Array.of(i)))
}

/** Puts leaves under one root, as who closes an epoch does. */
export function anchorAll(leaves: readonly Uint8Array[]): { root: Hex; anchors: ProofAnchor[] } {
  const hashes = leaves.map((leaf) => leafHash(sha256(leaf)))
  const block = { number: 0, hash: ZERO, timestamp: 0 }
  const anchors = leaves.map((leaf, index) => ({
    ...{ leaf, index, size: leaves.length, consistency: [], block },
    // Hashes the whole tree: only for whoever asks.
    get path() {
      return inclusionPath(hashes, index)
    },
  }))
  return { root: toHex(treeRoot(hashes)), anchors }
}
