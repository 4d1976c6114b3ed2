import { concatBytes, type Digest, fromHex, type Hex, toHex } from '../bytes.ts'
import { digestOf } from '../digest.ts'
import { verifyEs256 } from '../es256.ts'
import { type Evidence, qualifyingData } from '../evidence.ts'
import type { LedgerFacts } from '../ledger-facts.ts'
import type { Policy } from '../policy.ts'
import { TeapotError } from '../teapot-error.ts'
import { type Attest, bootOf, parseAttest } from '../tpm/attest.ts'
import { parseAkSignature } from '../tpm/signature.ts'
import { TPM_ALG } from '../tpm/wire.ts'
import type { Reason } from '../verdict.ts'
import { check, fail, group, pass, short, unchecked } from './reason.ts'

/** What the caller expects of the quote. */
export interface QuoteExpectation {
  nonce: Digest
  /** The Ed25519 key of the connection that the evidence came over, where there was one. */
  peerKey?: Hex | undefined
  /** Hashes of blocks that the caller knows besides the facts' own. */
  knownBlocks?: ReadonlyMap<number, Digest> | undefined
}

/** Whether the quote is the AK's, fresh, and over what the evidence says (spec/trust-model.md §2.4). */
export async function appraiseQuote(
  evidence: Evidence,
  ak: Uint8Array | undefined,
  expected: QuoteExpectation,
  facts: LedgerFacts,
  policy: Policy,
): Promise<{ reason: Reason; boot: number }> {
  const { reason: form, attest } = readAttest(evidence)
  const reasons = [
    form,
    await appraiseSignature(evidence, ak),
    ...appraiseFreshness(evidence, expected, facts),
    appraiseBlock(evidence, expected, facts),
    ...(attest ? appraiseAttest(evidence, attest, policy) : []),
    appraisePeer(evidence, expected.peerKey),
  ]
  return {
    reason: group('quote', 'The quote is fresh and signed by the TPM', reasons),
    boot: attest ? bootOf(attest) : 0,
  }
}

/** Reads the quote, and says why not where it can't. */
export function readAttest(evidence: Pick<Evidence, 'quote'>): { reason: Reason; attest: Attest | undefined } {
  const id = 'quote/form'
  const title = 'The TPM itself made it, and it is a quote'
  const failure = {
    expected: 'a TPM quote',
    source: 'TPM 2.0 Part 2 §10.12',
    fix: 'send the TPMS_ATTEST of TPM2_Quote',
  }
  try {
    return { reason: pass(id, title), attest: parseAttest(evidence.quote.attest) }
  } catch (error) {
    if (!(error instanceof TeapotError)) throw error
    return { reason: fail(id, title, { ...failure, found: error.message }), attest: undefined }
  }
}

/** Whether the AK signed the quote. */
export async function appraiseSignature(
  evidence: Pick<Evidence, 'quote'>,
  ak: Uint8Array | undefined,
): Promise<Reason> {
  const id = 'quote/signature'
  const title = 'The AK signed the quote'
  if (!ak) return unchecked(id, title)
  const failure = {
    expected: "the AK's signature",
    source: 'the AK',
    fix: 'send attest and signature as the TPM gave them',
  }
  try {
    const holds = await verifyEs256(ak, evidence.quote.attest, parseAkSignature(evidence.quote.signature))
    return check(id, title, holds, { ...failure, found: 'one that does not verify' })
  } catch (error) {
    if (!(error instanceof TeapotError)) throw error
    return fail(id, title, { ...failure, found: error.message })
  }
}

function appraiseFreshness(evidence: Evidence, expected: QuoteExpectation, facts: LedgerFacts): Reason[] {
  const { chain } = evidence
  return [
    check('quote/nonce', 'It answers the nonce of now', evidence.nonce === expected.nonce, () => ({
      expected: `nonce ${short(expected.nonce)}`,
      found: short(evidence.nonce),
      source: `the seed of epoch ${facts.epoch.number}, or the caller`,
      fix: 'quote again with the nonce of this epoch',
    })),
    check('quote/epoch', 'It is of this epoch', evidence.epoch === facts.epoch.number, () => ({
      expected: `epoch ${facts.epoch.number}`,
      found: `${evidence.epoch}`,
      source: 'Attestation',
      fix: 'quote again in this epoch',
    })),
    check(
      'quote/chain',
      'It is for this network',
      chain.id === facts.chainId && chain.registry === facts.registry,
      () => ({
        expected: `chain ${facts.chainId}, registry ${facts.registry}`,
        found: `chain ${chain.id}, registry ${chain.registry}`,
        source: 'the ledger that was asked',
        fix: 'point node and Verifier at the same network',
      }),
    ),
  ]
}

function appraiseBlock(evidence: Evidence, expected: QuoteExpectation, facts: LedgerFacts): Reason {
  const id = 'quote/block'
  const title = 'It names a block that is known'
  const { number, hash } = evidence.chain.block
  const known = number === facts.block.number ? facts.block.hash : expected.knownBlocks?.get(number)
  const failure = {
    source: 'the ledger that was asked',
    fix: 'catch up to the block that the quote names, then ask again',
  }
  if (number > facts.block.number) {
    return fail(id, title, { ...failure, expected: `a block up to ${facts.block.number}`, found: `block ${number}` })
  }
  if (known === undefined) return unchecked(id, title, `hash of block ${number} not at hand`)
  return check(id, title, known === hash, () => ({
    ...failure,
    expected: `block ${number} with hash ${short(known)}`,
    found: short(hash),
  }))
}

function appraiseAttest(evidence: Evidence, attest: Attest, policy: Policy): Reason[] {
  const binding = qualifyingData(evidence)
  const found = toHex(attest.extraData)
  return [
    check('quote/binding', 'It binds nonce, network, operator, run keys and checkpoint', found === binding, () => ({
      expected: `qualifying data ${short(binding)}`,
      found: short(found),
      source: 'spec/evidence.md §5',
      fix: 'quote over the very values that the evidence carries',
    })),
    ...appraiseQuoted(attest, evidence.pcrs, policy),
  ]
}

/** Whether the quote is over these values of exactly the policy's PCRs. */
export function appraiseQuoted({ selection, pcrDigest }: Attest, pcrs: Evidence['pcrs'], policy: Policy): Reason[] {
  const wanted = policy.pcrs.join(', ')
  const covers = selection
    .map(({ hash, pcrs }) => `${hash === TPM_ALG.sha256 ? 'SHA-256' : hash}: ${pcrs.join(', ')}`)
    .join('; ')
  const given = Object.keys(pcrs).join(', ')
  const over = digestOf(concatBytes(...Object.values(pcrs).map(fromHex)))
  return [
    check('quote/selection', 'It covers R and C', covers === `SHA-256: ${wanted}` && given === wanted, () => ({
      expected: `PCRs SHA-256: ${wanted}`,
      found: `${covers || 'none'}, with values for ${given || 'none'}`,
      source: 'policy',
      fix: 'quote exactly the PCRs of the policy',
    })),
    check('quote/values', 'The PCR values are the quoted ones', toHex(pcrDigest) === over, () => ({
      expected: `a PCR digest ${short(toHex(pcrDigest))}`,
      found: `values with digest ${short(over)}`,
      source: 'the quote',
      fix: 'send the PCR values as they were when quoted',
    })),
  ]
}

function appraisePeer(evidence: Evidence, peerKey: Hex | undefined): Reason {
  const id = 'quote/peer'
  const title = 'The peer that was dialled holds the quoted key'
  if (peerKey === undefined) return unchecked(id, title, 'not dialled')
  return check(id, title, evidence.keys.peer === peerKey, () => ({
    expected: `peer key ${short(peerKey)}`,
    found: short(evidence.keys.peer),
    source: 'the connection',
    fix: 'fetch the evidence from the node that it is of',
  }))
}
