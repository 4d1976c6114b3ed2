import { check, type Failure, fail } from './appraise/reason.ts'
import { equalBytes, toHex } from './bytes.ts'
import { type ChainProblem, checkChain, type HeldChain } from './certificate-chain.ts'
import { TeapotError } from './teapot-error.ts'
import type { Reason } from './verdict.ts'
import type { Certificate } from './x509.ts'

/** A P-384 key for which its maker's chain stands, and when it is valid. */
export interface EndorsedKey extends HeldChain {
  certificate: Certificate
  /** ECDSA with SHA-384. @param signature r ‖ s, 96 bytes */
  verify(message: Uint8Array, signature: Uint8Array): Promise<boolean>
}

/** The key of the first certificate of a chain that ends at `root`: imported once, as that costs as much as verifying. */
export async function endorsedKey(
  chain: readonly Certificate[],
  root: Certificate,
): Promise<EndorsedKey | ChainProblem> {
  const held = await checkChain(chain, [root])
  if ('found' in held) return held
  const { key } = chain[0]!
  if (key.type !== 'ec' || key.curve !== 'P-384') return { expected: 'a P-384 key', found: 'another', link: 0 }
  const algorithm = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }
  const imported = await crypto.subtle
    .importKey('spki', new Uint8Array(key.spki), algorithm, false, ['verify'])
    .catch(() => undefined)
  if (!imported) return { expected: 'a P-384 key', found: 'a point off the curve', link: 0 }
  const verify: EndorsedKey['verify'] = (message, signature) =>
    crypto.subtle.verify(algorithm, imported, new Uint8Array(signature), new Uint8Array(message))
  return { ...held, certificate: chain[0]!, verify }
}

/** What was read, or why it cannot be. */
export function attempt<T>(what: string, read: () => T): T | ChainProblem {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof TeapotError)) throw error
    return { expected: `${what} that can be read`, found: error.message }
  }
}

/** Where the expectation of a step comes from, and what would mend it. */
export type StepSource = Pick<Failure, 'source' | 'fix'>

/** A failed step about what a maker shows or says; names the certificate to blame. */
export function refuse(id: string, title: string, { expected, found, link }: ChainProblem, by: StepSource): Reason {
  const which = link === undefined ? '' : link === 0 ? 'leaf: ' : `issuer ${link}: `
  return fail(id, title, { expected, found: `${which}${found}`, ...by })
}

/** Whether the endorsed key signed the report. */
export async function checkSigned(
  title: string,
  key: EndorsedKey,
  { signed, signature }: { signed: Uint8Array; signature: Uint8Array },
  by: StepSource,
): Promise<Reason> {
  const holds = await key.verify(signed, signature)
  return check('tee/signature', title, holds, {
    expected: 'a signature of the key that is endorsed',
    found: 'one that does not verify',
    ...by,
  })
}

/** Whether the report carries what binds this quote, and the key that signed it. */
export function checkReportData(found: Uint8Array, expected: Uint8Array): Reason {
  return check('tee/report-data', 'It binds the quote and its key', equalBytes(found, expected), {
    expected: toHex(expected),
    found: toHex(found),
    source: 'spec/evidence.md §7',
    fix: 'ask for a report over this quote',
  })
}
