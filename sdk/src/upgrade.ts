import {
  bootOf,
  type CheckpointSummary,
  type Claims,
  type EpochRecord,
  type Evidence,
  fromHex,
  type LedgerFacts,
  leafInput,
  type ProofBundle,
  type ProofVerdict,
  parseAttest,
  parseBundle,
  parseCheckpoint,
  parseClaims,
  parseEpochLeaf,
  parseEvidence,
  parsePolicy,
  parseReceipt,
  receiptCheckpoint,
  type SignedCheckpoint,
  TeapotError,
  verifyCheckpoint,
  verifyProof,
} from '@teapot-network/trust'
import { proofAppraisers } from '@teapot-network/trust/appraisers'
import { base64url, encodeBundle, selectFacts } from '@teapot-network/trust/encode'
import { bootText } from '@teapot-network/trust/verdict'
import { type BlockReader, createBlockReader, type PlacedLeaf, readLeaf } from './epoch-leaves.ts'
import type { FactsSource } from './facts.ts'
import { type Fetch, getBytes } from './http.ts'
import { registeredNode } from './nodes.ts'
import { ProofRefused } from './refusals.ts'
import { httpLog, readTiles } from './tiles.ts'

/** How a proof is upgraded. */
export interface UpgradeOptions {
  ledger: FactsSource
  fetch: Fetch
  timeoutMs: number
  /** Base URL of a mirror of the node's log, for when the node itself is gone. */
  mirror?: string | undefined
  signal?: AbortSignal | undefined
}

/** A proof with all that could be had of its standing (spec/proof.md §8). */
export interface Upgraded {
  bytes: Uint8Array
  /** Under the ledger's own facts and epochs. */
  verdict: ProofVerdict
  /** Why it, or a child of it, is not confirmed or not anchored; empty when all are both. */
  lacking: TeapotError[]
}

/** Where one upgrade reads. */
interface Sources extends UpgradeOptions {
  facts: LedgerFacts
  block: BlockReader
}

/** One result and what its receipt says. */
interface Subject {
  bundle: ProofBundle
  claims: Claims
  evidence: Evidence
  index: number
  checkpoint: SignedCheckpoint
}

/** A leaf that quotes the receipt's tree or a later one of the same log. */
type Quoted = PlacedLeaf & { quoted: CheckpointSummary }

/** So many epochs after the evidence's are looked through. */
const NEAR_EPOCHS = 16
const RECEIPT_LIMIT_BYTES = 64 * 1024
/** Results that one may rest on in all (spec/proof.md §9.7). */
const MAX_CHILDREN = 64

/**
 * Brings a proof up to what the ledger and the nodes can show by now: confirmed by later evidence of the same boot, anchored under an
 * epoch's root. Nothing fetched is believed: leaves are held against the root on the ledger, blocks against their digests, another
 * receipt against the tree of the old one.
 * @throws ProofRefused when the proof does not hold, before or after
 * @throws TeapotError those of reading the ledger, and of a bundle that cannot be read
 */
export async function upgradeProof(bytes: Uint8Array, options: UpgradeOptions): Promise<Upgraded> {
  const { ledger, signal } = options
  const facts = await ledger.readFacts({ signal })
  const judge = async (proof: Uint8Array): Promise<ProofVerdict> => {
    const epochs = await readEpochsOf(proof, ledger, signal)
    const verdict = await verifyProof(proof, { facts, epochs, appraisers: proofAppraisers })
    if (verdict.tier === 'none' || verdict.tier === 'contraindicated') throw new ProofRefused(verdict)
    return verdict
  }
  await judge(bytes)
  const raised = await raise(bytes, { ...options, facts, block: createBlockReader(facts, options) })
  return { ...raised, verdict: await judge(raised.bytes) }
}

/** What the ledger has of the epochs that a bundle and its children name: as anchors, and for the seeds of their quotes. */
export async function readEpochsOf(
  bytes: Uint8Array,
  ledger: FactsSource,
  signal?: AbortSignal,
): Promise<EpochRecord[]> {
  const records = [...new Set(epochsIn(bytes))].map((epoch) => ledger.readEpochs(epoch, epoch, { signal }))
  return (await Promise.all(records)).flat()
}

/** Nothing of what is more than any proof may hold: it is refused, and nobody needs to be asked for that. */
function epochsIn(proof: Uint8Array): number[] {
  const [found, bundles] = [[] as number[], [proof]]
  for (const bytes of bundles) {
    const { facts, confirmation, anchor, children = [] } = parseBundle(bytes)
    // With the epoch before: what closed it opened this one, which bounds the time of an appraisal (spec/proof.md §9.4).
    for (const { epoch } of [facts, ...(confirmation ? [confirmation.facts] : [])])
      found.push(epoch.number, ...(epoch.number > 1 ? [epoch.number - 1] : []))
    found.push(...(anchor ? [parseEpochLeaf(anchor.leaf).epoch] : []))
    bundles.push(...children)
    if (bundles.length > 1 + MAX_CHILDREN) return []
  }
  return found
}

async function raise(bytes: Uint8Array, from: Sources): Promise<Pick<Upgraded, 'bytes' | 'lacking'>> {
  const bundle = parseBundle(bytes)
  const children = await Promise.all((bundle.children ?? []).map((child) => raise(child, from)))
  if (children.length > 0) bundle.children = children.map((child) => child.bytes)
  const lacking = children.flatMap((child) => child.lacking)
  for (const [part, take] of [
    ['anchor', anchorAt],
    ['confirmation', confirmBy],
  ] as const) {
    if (bundle[part]) continue
    const found = await firstOf(bundle, from, take)
    if (found instanceof TeapotError) lacking.push(found)
    else Object.assign(bundle, found)
  }
  return { bytes: encodeBundle(bundle), lacking }
}

function subjectOf(bundle: ProofBundle): Subject {
  const receipt = parseReceipt(bundle.receipt)
  return {
    bundle,
    claims: parseClaims(bundle.claims),
    evidence: parseEvidence(bundle.evidence),
    index: receipt.index,
    checkpoint: receiptCheckpoint(receipt, leafInput(bundle.salt, bundle.claims)),
  }
}

/**
 * What `take` makes of the first closed epoch that quoted the receipt's tree or a later one of the same log; else why there is none. A leaf
 * is anyone's word: one that leads nowhere is passed over.
 */
async function firstOf(
  bundle: ProofBundle,
  from: Sources,
  take: (subject: Subject, placed: Quoted, record: EpochRecord, from: Sources) => Promise<Partial<ProofBundle>>,
): Promise<Partial<ProofBundle> | TeapotError> {
  const subject = subjectOf(bundle)
  const { claims, evidence, checkpoint } = subject
  let failure: TeapotError | undefined
  for await (const record of epochsAfter(evidence.epoch, from)) {
    try {
      const placed = await readLeaf(record, claims.node, from.block)
      const quoted = placed?.leaf.checkpoint
      if (!quoted || quoted.log < checkpoint.log) continue
      if (quoted.log > checkpoint.log) throw logClosed(checkpoint.log, quoted.log)
      if (quoted.size >= checkpoint.size) return await take(subject, { ...placed!, quoted }, record, from)
    } catch (error) {
      if (!(error instanceof TeapotError)) throw error
      // What will never come is told rather than what may.
      if (failure?.kind !== 'refused') failure = error
    }
  }
  return failure ?? notYet(subject, from)
}

/** The receipt under the anchored checkpoint itself where the node still has it, else the way from the old one to that. */
async function anchorAt(
  subject: Subject,
  { bytes: leaf, index, size, path, quoted }: Quoted,
  { closedAt: block }: EpochRecord,
  from: Sources,
): Promise<Partial<ProofBundle>> {
  const consistency = await consistencyOf(subject.checkpoint, quoted, from)
  const anchor = { leaf, index, size, path, block, consistency }
  const receipt = await reissued(subject, quoted, from)
  return receipt ? { receipt, anchor: { ...anchor, consistency: [] } } : { anchor }
}

/** What shows that the quoted tree extends the receipt's: out of the node's tiles, else a mirror's. */
async function consistencyOf(
  receipt: SignedCheckpoint,
  quoted: CheckpointSummary,
  { facts, mirror, ...options }: Sources,
): Promise<Uint8Array[]> {
  const show = async (base: string): Promise<Uint8Array[]> => {
    const source = httpLog(base, options)
    const isSame = receipt.size === quoted.size
    const { size } = isSame ? quoted : parseCheckpoint(await source('checkpoint'))
    return readTiles(source, size).consistency(receipt, quoted)
  }
  try {
    return await show(`${registeredNode(facts, receipt.node).url}/v1/logs/${receipt.log}/`)
  } catch (error) {
    if (mirror === undefined || !(error instanceof TeapotError)) throw error
    return show(mirror.replace(/\/*$/, '/'))
  }
}

/** The same leaf's receipt at the quoted size, if the node gives one that the same run signed over the quoted root. */
async function reissued(subject: Subject, quoted: CheckpointSummary, from: Sources): Promise<Uint8Array | undefined> {
  const { bundle, evidence, index, checkpoint: old } = subject
  try {
    const salt = base64url(bundle.salt)
    const url = `${registeredNode(from.facts, old.node).url}/v1/receipts/${old.log}.${index}.${salt}?size=${quoted.size}`
    const bytes = await getBytes(url, { ...from, limitBytes: RECEIPT_LIMIT_BYTES })
    const receipt = parseReceipt(bytes)
    const made = receiptCheckpoint(receipt, leafInput(bundle.salt, bundle.claims))
    const same = made.node === old.node && made.log === old.log && made.run === old.run && receipt.index === index
    if (!same || made.size !== quoted.size || made.root !== quoted.root) return undefined
    return (await verifyCheckpoint(made, fromHex(evidence.keys.receipt))) ? bytes : undefined
  } catch (error) {
    if (error instanceof TeapotError) return undefined
    throw error
  }
}

/** The evidence of that epoch, and the facts at its last block, if they confirm the result. */
async function confirmBy(
  { bundle, evidence }: Subject,
  { leaf }: Quoted,
  record: EpochRecord,
  { ledger, facts, block, signal }: Sources,
): Promise<Partial<ProofBundle>> {
  const bytes = await block(leaf.evidence)
  const later = parseEvidence(bytes)
  const [boot, other] = [evidence, later].map(({ quote }) => bootText(bootOf(parseAttest(quote.attest))))
  if (other !== boot) {
    const found = `boot ${other}: the machine was reset before it quoted again, so the result is never confirmed`
    throw new TeapotError('sdk/other-boot', `Cannot confirm: expected later evidence of boot ${boot}, found ${found}`)
  }
  const last = record.closedAt.number - 1
  const then = await ledger.readFacts({ block: last, signal }).catch((cause: Error) => {
    const message = `Cannot confirm: expected the ledger as of block ${last}, found: ${cause.message}. Use an endpoint that keeps old state.`
    throw cause instanceof TeapotError
      ? new TeapotError('sdk/no-history', message, { kind: 'unavailable', cause })
      : cause
  })
  const confirmation = { evidence: bytes, facts: selectFacts(then, later, parsePolicy(bundle.policy)) }
  const verdict = await verifyProof(encodeBundle({ ...bundle, confirmation }), {
    facts,
    epochs: [record],
    appraisers: proofAppraisers,
  })
  if (verdict.standing.confirmed) return { confirmation }
  throw new TeapotError('sdk/not-confirmed', `Cannot confirm in epoch ${leaf.epoch}: ${verdict.summary}`)
}

/** Some closed epochs after this one, and the newest. */
async function* epochsAfter(epoch: number, { ledger, facts, signal }: Sources): AsyncGenerator<EpochRecord> {
  const last = facts.epoch.number - 1
  const near = Math.min(epoch + NEAR_EPOCHS, last)
  for (let next = epoch + 1; next <= near; next++) yield* await ledger.readEpochs(next, next, { signal })
  if (last > near) yield* await ledger.readEpochs(last, last, { signal })
}

function logClosed(log: number, now: number): TeapotError {
  const found = `log ${now}: it was closed before any epoch quoted the result, which stays as it is`
  return new TeapotError('sdk/log-closed', `Cannot raise the proof: expected log ${log} to be quoted, found ${found}`)
}

/** No epoch that closed so far quoted it: when to come again. */
async function notYet({ evidence, index }: Subject, { ledger, facts, signal }: Sources): Promise<TeapotError> {
  const { number, openedAt } = facts.epoch
  const [before] = number > 2 ? await ledger.readEpochs(number - 2, number - 2, { signal }) : []
  const took = before === undefined ? '' : `, the one before took ${openedAt - before.closedAt.timestamp} s`
  const since = new Date(openedAt * 1000).toISOString().slice(0, 19)
  const found = `none; epoch ${number} is open since ${since}Z${took}: come again when it is closed`
  const message = `Cannot raise the proof yet: expected an epoch after ${evidence.epoch} to have quoted leaf ${index}, found ${found}`
  return new TeapotError('sdk/not-quoted-yet', message, { kind: 'unavailable' })
}
