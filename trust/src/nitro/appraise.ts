import type { TeeAppraiser } from '../appraise/beneath.ts'
import { check, fail, group, pass, short } from '../appraise/reason.ts'
import type { Digest, Hex } from '../bytes.ts'
import { type ChainProblem, validityProblem } from '../certificate-chain.ts'
import { digestOf } from '../digest.ts'
import { createMemo } from '../memo.ts'
import type { NitroReference, ReferenceValuesDocument } from '../reference-values.ts'
import { attempt, checkReportData, checkSigned, type EndorsedKey, endorsedKey, refuse } from '../tee.ts'
import type { Reason } from '../verdict.ts'
import { parseCertificate } from '../x509.ts'
import { type NitroDocument, parseNitroDocument } from './document.ts'

/** How long a document speaks: as long as the key that signs it lives. Seconds. */
export const NITRO_SPAN = 3 * 3600
/** How far AWS's clock may be ahead of the ledger's. Seconds. */
const AHEAD = 300
const AWS = 'AWS, "Verifying the root of trust"'
const SHOWN = { source: AWS, fix: 'show the document as the NSM gave it' }
const MEASURED = [0, 1, 2] as const
const ZERO: Hex = `0x${'00'.repeat(48)}`

/** Appraises with this root, by the digest of its DER: the subpath gives AWS's. Chains are remembered; time is judged each time. */
export function nitroAppraiser(references: ReferenceValuesDocument, root: Digest): TeeAppraiser {
  const expected = references.tees.filter((reference) => reference.kind === 'nitro')
  const remember = createMemo<Promise<EndorsedKey | ChainProblem>>()
  return {
    kind: 'nitro',
    async appraise({ report, collateral }, reportData, at) {
      const document = attempt('a document', () => parseNitroDocument(report, collateral))
      const because: Reason[] = []
      if ('found' in document) because.push(refuse('tee/report', 'The document can be read', document, SHOWN))
      else {
        const key = await remember(document.chain.map(digestOf).join(), () => endorse(document.chain, root))
        because.push(pass('tee/report', 'The document can be read'), ...(await checkGenuine(document, key)))
        // What nobody vouches for says nothing.
        if (because.every(({ status }) => status === 'pass')) {
          because.push(checkTime(document, at), checkReportData(document.userData, reportData))
          because.push(checkPcrs(document, expected))
        }
      }
      const reason = group('tee', 'AWS Nitro vouches for the enclave', because)
      return { reason, enclave: reason.status === 'pass' }
    },
  }
}

async function endorse(chain: readonly Uint8Array[], root: Digest): Promise<EndorsedKey | ChainProblem> {
  const last = digestOf(chain.at(-1)!)
  if (last !== root) return { expected: `AWS's root ${short(root)}`, found: short(last) }
  const certificates = attempt('certificates', () => chain.map(parseCertificate))
  return 'found' in certificates ? certificates : endorsedKey(certificates.slice(0, -1), certificates.at(-1)!)
}

/** The key is AWS's, at the time that the document says, and signed it. */
async function checkGenuine(document: NitroDocument, key: EndorsedKey | ChainProblem): Promise<Reason[]> {
  const title = "The key that signed is AWS's"
  if ('found' in key) return [refuse('tee/chain', title, key, SHOWN)]
  const late = validityProblem(key, document.timestamp / 1000)
  return [
    late ? refuse('tee/chain', title, late, SHOWN) : pass('tee/chain', title),
    await checkSigned('That key signed the document', key, document, SHOWN),
  ]
}

function checkTime({ timestamp }: NitroDocument, at: number): Reason {
  const made = timestamp / 1000
  const text = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 19)
  return check('tee/time', 'It was made lately', made <= at + AHEAD && at <= made + NITRO_SPAN, {
    expected: `a document of the ${NITRO_SPAN / 3600} hours before ${text(at)}`,
    found: `one of ${text(made)}`,
    source: 'spec/tee.md §3',
    fix: 'ask the NSM for a document for this epoch',
  })
}

/** A debugged enclave has zeros for PCRs 0 to 2; no reference can name it. */
function checkPcrs({ pcrs }: NitroDocument, references: readonly NitroReference[]): Reason {
  const found = MEASURED.map((index) => pcrs.get(index) ?? ZERO)
  const failure = { found: found.map(short).join(', '), source: 'the reference values on the ledger (spec/tee.md §3)' }
  if (found.includes(ZERO)) {
    return fail('tee/debug', 'The enclave cannot be debugged', {
      expected: 'PCRs 0 to 2, none of them zero',
      found: failure.found,
      source: `${AWS}, PCRs of an enclave in debug mode`,
      fix: 'run the enclave without --debug-mode',
    })
  }
  const pcrsOf = ({ pcr0, pcr1, pcr2 }: NitroReference) => [pcr0, pcr1, pcr2]
  const release = references.find((reference) => pcrsOf(reference).join() === found.join())
  if (release) return pass('tee/measurement', 'It runs a release that the reference values name', release.name)
  return fail('tee/measurement', 'It runs a release that the reference values name', {
    ...failure,
    expected:
      references.map((one) => `${one.name} (${pcrsOf(one).map(short).join(', ')})`).join(' or ') ||
      'none: nothing is named',
    fix: 'run a release that is named',
  })
}
