import { check, pass, short, unchecked } from '../appraise/reason.ts'
import { type Digest, fromHex, toHex } from '../bytes.ts'
import { EntryKind, entryDigest } from '../entry.ts'
import { PCR_C, PCR_R, parseEventLog, quotedPrefix } from '../event-log.ts'
import { type Evidence, evidenceDigest, runDigest } from '../evidence.ts'
import { encodeGrants } from '../grants.ts'
import { TeapotError } from '../teapot-error.ts'
import type { Assurance, Reason } from '../verdict.ts'
import { verifyCheckpoint } from './checkpoint.ts'
import { type Claims, RANK } from './claims.ts'
import { link, type Parts } from './parts.ts'

/** What ties claims, receipt and evidence to each other (spec/proof.md §9.1). @param appraised what the evidence is worth */
export async function checkLinks(parts: Parts, appraised: Assurance): Promise<Reason[]> {
  const { bundle, claims, receipt, checkpoint, evidence } = parts
  const { node, run, log, sequence, size } = checkpoint
  const quoted = evidence.checkpoint
  const digest = evidenceDigest(bundle.evidence)
  const keys = runDigest(evidence.keys)
  const nodes = new Set([claims.node, node, evidence.node])
  return [
    pass('proof/form', 'All that is in the bundle can be read'),
    // One check for path and signature, as a wrong path leads to a root nobody signed.
    link(
      'signature',
      "The run's key signed a checkpoint that holds this result",
      await verifyCheckpoint(checkpoint, fromHex(evidence.keys.receipt)),
      `the signature of the quoted receiptKey on checkpoint ${sequence} (leaf ${receipt.index} of ${size})`,
      'one that does not verify over the root that claims, salt and path lead to',
    ),
    link(
      'evidence',
      'The evidence is the one that the claims cite',
      claims.evidence === digest,
      `evidence ${short(claims.evidence)}`,
      short(digest),
    ),
    link(
      'run',
      'Claims and checkpoint are of the quoted run',
      claims.run === keys && run === keys,
      `run ${short(keys)}`,
      `claims of ${short(claims.run)}, checkpoint of ${short(run)}`,
    ),
    link(
      'node',
      'Claims, log and evidence are of one node',
      nodes.size === 1,
      `node ${short(evidence.node)}`,
      [...nodes].map(short).join(', '),
    ),
    link(
      'order',
      'The result came after the quote, in the quoted log',
      receipt.index >= quoted.size && sequence > quoted.sequence && log === quoted.log,
      `log ${quoted.log} after checkpoint ${quoted.sequence}, from leaf ${quoted.size} on`,
      `log ${log}, checkpoint ${sequence}, leaf ${receipt.index}`,
    ),
    checkBlock(parts),
    ...checkActor(parts),
    checkAssurance(claims, appraised),
  ]
}

function checkBlock({ claims, evidence, bundle }: Parts): Reason {
  const title = 'The block that the claims name is known: the result is no older'
  const { number, hash } = claims.block
  const { block } = evidence.chain
  const known = [block, bundle.facts.block].find((one) => one.number === number)
  if (number >= block.number && !known) return unchecked('proof/block', title, `hash of block ${number} not at hand`)
  return link(
    'block',
    title,
    number >= block.number && known?.hash === hash,
    known ? `block ${number} with hash ${short(known.hash)}` : `block ${block.number} or later`,
    `block ${number} with hash ${short(hash)}`,
  )
}

function checkActor({ claims, evidence, bundle }: Parts): Reason[] {
  const { name, version } = claims.actor
  const measured = actorDigests(claims).find((digest) => wasMeasured(evidence, digest))
  const entry = bundle.facts.entries.find((one) => one.digest === measured)
  const found = entry ? `version ${entry.version}, ${entry.status}` : 'no such entry'
  const actor = `actor ${name} ${version}`
  return [
    link(
      'actor',
      'The actor was measured with these capabilities before',
      measured !== undefined,
      `actor ${name} with ${claims.capabilities.join(', ') || 'no capabilities'} in the quoted C`,
      'no such entry',
    ),
    link(
      'version',
      'The ledger holds the actor in this version',
      entry?.version === version,
      `${actor} on the ledger`,
      found,
    ),
    check('proof/revoked', 'The actor is not revoked', entry !== undefined && entry.status !== 'revoked', {
      expected: `${actor}, not revoked`,
      found,
      source: 'CodeRegistry',
      fix: 'call a version that is current',
    }),
  ]
}

/** Without capabilities, the entry may have empty grants bytes or those of the empty array (spec/proof.md §2.4). */
function actorDigests({ actor: { name, sha256 }, capabilities }: Claims): Digest[] {
  const grants = [encodeGrants(capabilities), ...(capabilities.length === 0 ? [new Uint8Array(0)] : [])]
  return grants.map((bytes) => entryDigest({ kind: EntryKind.actor, name, sha256, grants: bytes }))
}

function wasMeasured(evidence: Evidence, digest: Digest): boolean {
  const [r, c] = [evidence.pcrs[PCR_R], evidence.pcrs[PCR_C]]
  if (r === undefined || c === undefined) return false
  try {
    const records = parseEventLog(evidence.log)
    const quoted = records.slice(0, Math.max(quotedPrefix(records, { r, c }), 0))
    return quoted.some((record) => record.pcr === PCR_C && toHex(record.digest) === digest)
  } catch (error) {
    if (error instanceof TeapotError) return false
    throw error
  }
}

function checkAssurance({ assurance }: Claims, appraised: Assurance): Reason {
  const exceeds = (['integrity', 'confidentiality'] as const).some((claim) => {
    return RANK.indexOf(assurance[claim]) > RANK.indexOf(appraised[claim])
  })
  const text = ({ integrity, confidentiality }: Assurance) =>
    `integrity ${integrity}, confidentiality ${confidentiality}`
  const title = 'The node claims no more assurance than its evidence is worth'
  return link('assurance', title, !exceeds, text(appraised), text(assurance))
}
