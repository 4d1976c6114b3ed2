import { type Address, concatBytes, type Digest, fromHex, type Hex, type NodeId, utf8 } from './bytes.ts'
import { type CborValue, cborDigest, encodeCbor } from './cbor.ts'
import { type Shape, shapeOf } from './cbor-shape.ts'
import { digestOf } from './digest.ts'
import { createMemo } from './memo.ts'

/** `tpm-simulated`: a software TPM, for development; its assurance is always none. */
export type EvidenceType = 'tpm-simulated' | 'tpm'
/** Every {@link EvidenceType}. */
export const EVIDENCE_TYPES = ['tpm-simulated', 'tpm'] as const satisfies readonly EvidenceType[]

/** The public halves of what a run makes in memory at its start. */
export interface RunKeys {
  /** Uncompressed P-256 point, 65 bytes: signs checkpoints. */
  receipt: Hex
  /** X25519 HPKE public key, 32 bytes: requests are sealed to it. */
  seal: Hex
  /** Ed25519 public key, 32 bytes: the node's libp2p identity. */
  peer: Hex
}

/** The receipt log's head when the quote was made; an empty log has size 0 and root SHA-256 of nothing. */
export interface CheckpointSummary {
  /** Log number, from the TPM's NV counter. */
  log: number
  sequence: number
  size: number
  root: Digest
}

/** The logs of what ran before the launcher, as firmware and kernel give them (spec/evidence.md §6). */
export interface PlatformLogs {
  /** TCG PC Client event log: `binary_bios_measurements`. */
  firmware: Uint8Array
  /** IMA's log: `binary_runtime_measurements`. */
  ima: Uint8Array
}

/** The processors' kinds of evidence that an enclave can give. */
export const TEE_KINDS = ['tdx', 'sev-snp', 'nitro'] as const
export type TeeKind = (typeof TEE_KINDS)[number]

/** A processor's word for the machine that the TPM is in; its report data binds the quote (spec/evidence.md §7). */
export interface TeeEvidence {
  kind: TeeKind
  /** The report, quote or document, verbatim. */
  report: Uint8Array
  /** What the maker says of the processor as of then: certificates, revocation lists, TCB information; the form is the kind's. */
  collateral: Uint8Array
}

/** What one node shows for one epoch (spec/evidence.md §2). */
export interface Evidence {
  v: 1
  type: EvidenceType
  node: NodeId
  operator: Address
  epoch: number
  nonce: Digest
  chain: { id: number; registry: Address; block: { number: number; hash: Digest } }
  keys: RunKeys
  checkpoint: CheckpointSummary
  /** TPMS_ATTEST and TPMT_SIGNATURE, verbatim. */
  quote: { attest: Uint8Array; signature: Uint8Array }
  /** TPMT_PUBLIC of the AK. */
  ak: Uint8Array
  /** PCR index to value, SHA-256 bank. */
  pcrs: Record<number, Digest>
  /** The whole event log (spec/evidence.md §4). */
  log: Uint8Array
  /** DER: the EK certificate, then its issuers up to but without the root. */
  ek: Uint8Array[]
  /** Absent: the machine cannot tell what ran before the launcher. */
  platform?: PlatformLogs
  /** Absent: no enclave. */
  tee?: TeeEvidence
}

const FIELDS = 'v type node operator epoch nonce chain keys checkpoint quote ak pcrs log ek platform tee'.split(' ')
const PCRS = 24
const MAX_CERTIFICATES = 8
const shape = shapeOf('evidence/malformed', 'evidence')

/** Evidence as deterministic CBOR. */
export function encodeEvidence(e: Evidence): Uint8Array {
  return encodeCbor({
    v: e.v,
    type: e.type,
    node: fromHex(e.node),
    operator: fromHex(e.operator),
    epoch: e.epoch,
    nonce: fromHex(e.nonce),
    chain: {
      id: e.chain.id,
      registry: fromHex(e.chain.registry),
      block: [e.chain.block.number, fromHex(e.chain.block.hash)],
    },
    keys: { receipt: fromHex(e.keys.receipt), seal: fromHex(e.keys.seal), peer: fromHex(e.keys.peer) },
    checkpoint: checkpointArray(e.checkpoint),
    quote: { attest: e.quote.attest, signature: e.quote.signature },
    ak: e.ak,
    pcrs: new Map(Object.entries(e.pcrs).map(([index, value]) => [Number(index), fromHex(value)])),
    log: e.log,
    ek: e.ek,
    platform: e.platform ? { ...e.platform } : null,
    tee: e.tee ? { ...e.tee } : null,
  })
}

/**
 * Reads evidence; says nothing of its truth. Quote, AK, log and certificates stay opaque bytes here.
 * @throws TeapotError `evidence/malformed` for anything but exactly the fields of spec/evidence.md §2 in deterministic CBOR
 */
export function parseEvidence(bytes: Uint8Array): Evidence {
  const root = shape.map(shape.decode(bytes), 'evidence', FIELDS)
  if (root.get('v') !== 1) shape.refuse('v', 'version 1', String(root.get('v')))
  const chain = shape.map(root.get('chain'), 'chain', ['id', 'registry', 'block'])
  const block = shape.array(chain.get('block'), 'chain.block', 2)
  const keys = shape.map(root.get('keys'), 'keys', ['receipt', 'seal', 'peer'])
  const quote = shape.map(root.get('quote'), 'quote', ['attest', 'signature'])
  return {
    v: 1,
    type: shape.oneOf(root.get('type'), 'type', EVIDENCE_TYPES),
    node: shape.hex(root.get('node'), 'node', 32),
    operator: shape.hex(root.get('operator'), 'operator', 20),
    epoch: shape.uint(root.get('epoch'), 'epoch'),
    nonce: shape.hex(root.get('nonce'), 'nonce', 32),
    chain: {
      id: shape.uint(chain.get('id'), 'chain.id'),
      registry: shape.hex(chain.get('registry'), 'chain.registry', 20),
      block: { number: shape.uint(block[0], 'chain.block'), hash: shape.hex(block[1], 'chain.block', 32) },
    },
    keys: {
      receipt: shape.hex(keys.get('receipt'), 'keys.receipt', 65),
      seal: shape.hex(keys.get('seal'), 'keys.seal', 32),
      peer: shape.hex(keys.get('peer'), 'keys.peer', 32),
    },
    checkpoint: parseCheckpointSummary(shape, root.get('checkpoint')),
    quote: {
      attest: shape.bytes(quote.get('attest'), 'quote.attest'),
      signature: shape.bytes(quote.get('signature'), 'quote.signature'),
    },
    ak: shape.bytes(root.get('ak'), 'ak'),
    pcrs: parsePcrs(root.get('pcrs')),
    log: shape.bytes(root.get('log'), 'log'),
    ek: parseCertificates(root.get('ek')),
    ...parsePlatform(root.get('platform') ?? null),
    ...parseTee(root.get('tee') ?? null),
  }
}

/** SHA-256 of the evidence's bytes: how votes and receipts cite it. */
export function evidenceDigest(bytes: Uint8Array): Digest {
  return digestOf(bytes)
}

/** What the TPM signs over besides the PCRs: spec/evidence.md §5. */
export function qualifyingData(e: Pick<Evidence, 'nonce' | 'chain' | 'operator' | 'keys' | 'checkpoint'>): Digest {
  return cborDigest([
    'teapot/evidence/1',
    fromHex(e.nonce),
    e.chain.id,
    fromHex(e.chain.registry),
    [e.chain.block.number, fromHex(e.chain.block.hash)],
    fromHex(e.operator),
    fromHex(e.keys.receipt),
    fromHex(e.keys.seal),
    fromHex(e.keys.peer),
    checkpointArray(e.checkpoint),
  ])
}

/** What a TEE's report data must be: it binds this quote, and the AK that signed it, to the enclave (spec/evidence.md §7). 64 bytes. */
export async function teeReportData(e: Pick<Evidence, 'ak'>, qualifying: Digest): Promise<Uint8Array> {
  const said = concatBytes(utf8('teapot/tee/1'), fromHex(qualifying), fromHex(digestOf(e.ak)))
  return new Uint8Array(await crypto.subtle.digest('SHA-512', new Uint8Array(said)))
}

/** Names a run by its keys: spec/evidence.md §5. */
export function runDigest(keys: RunKeys): Digest {
  const points = [keys.receipt, keys.seal, keys.peer]
  return runs(points.join(), () => cborDigest(['teapot/run/1', ...points.map(fromHex)]))
}

/** A run lasts for many epochs. */
const runs = createMemo<Digest>()

/** The nonce that every Verifier and client expects of a node in an epoch: spec/evidence.md §5. */
export function epochNonce(seed: Digest, epoch: number, node: NodeId): Digest {
  const counter = new Uint8Array(8)
  new DataView(counter.buffer).setBigUint64(0, BigInt(epoch))
  return digestOf(concatBytes(utf8('teapot/nonce/1'), fromHex(seed), counter, fromHex(node)))
}

/** A log's head as it stands in evidence and in an epoch's leaf. */
export function checkpointArray(c: CheckpointSummary): CborValue[] {
  return [c.log, c.sequence, c.size, fromHex(c.root)]
}

/** Reads what {@link checkpointArray} wrote, as part of the format whose shape this is. */
export function parseCheckpointSummary(shape: Shape, value: CborValue | undefined): CheckpointSummary {
  const [log, sequence, size, root] = shape.array(value, 'checkpoint', 4)
  return {
    log: shape.uint(log, 'checkpoint.log'),
    sequence: shape.uint(sequence, 'checkpoint.sequence'),
    size: shape.uint(size, 'checkpoint.size'),
    root: shape.hex(root, 'checkpoint.root', 32),
  }
}

function parsePcrs(value: CborValue | undefined): Record<number, Digest> {
  if (!(value instanceof Map)) return shape.refuse('pcrs', 'a map', typeof value)
  const pcrs: Record<number, Digest> = {}
  for (const [index, digest] of value) {
    if (typeof index !== 'number' || index < 0 || index >= PCRS) shape.refuse('pcrs', 'an index below 24', `${index}`)
    pcrs[index as number] = shape.hex(digest, `pcrs.${index}`, 32)
  }
  return pcrs
}

function parsePlatform(value: CborValue): Pick<Evidence, 'platform'> {
  if (value === null) return {}
  const map = shape.map(value, 'platform', ['firmware', 'ima'])
  return {
    platform: {
      firmware: shape.bytes(map.get('firmware'), 'platform.firmware'),
      ima: shape.bytes(map.get('ima'), 'platform.ima'),
    },
  }
}

function parseTee(value: CborValue): Pick<Evidence, 'tee'> {
  if (value === null) return {}
  const map = shape.map(value, 'tee', ['kind', 'report', 'collateral'])
  return {
    tee: {
      kind: shape.oneOf(map.get('kind'), 'tee.kind', TEE_KINDS),
      report: shape.bytes(map.get('report'), 'tee.report'),
      collateral: shape.bytes(map.get('collateral'), 'tee.collateral'),
    },
  }
}

function parseCertificates(value: CborValue | undefined): Uint8Array[] {
  const items = shape.array(value, 'ek')
  if (items.length > MAX_CERTIFICATES) shape.refuse('ek', `at most ${MAX_CERTIFICATES} certificates`, `${items.length}`)
  return items.map((item, i) => shape.bytes(item, `ek[${i}]`))
}
