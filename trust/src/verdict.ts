import type { Digest } from './bytes.ts'

/** The four tiers of an Attestation Result. `none`: nothing could be concluded. */
export type Tier = 'affirming' | 'warning' | 'contraindicated' | 'none'

/** What a Verifier votes on this verdict (spec/trust-model.md §4). */
export type Outcome = 'affirm' | 'mismatch' | 'silence'

/** What evidence is worth: two separate claims. Simulated evidence is worth `none` twice. */
export interface Assurance {
  integrity: 'none' | 'measured' | 'enclave'
  confidentiality: 'none' | 'enclave'
}

/** One step of an appraisal, with the steps beneath it. */
export interface Reason {
  /** Stable id, e.g. `quote/signature`. */
  id: string
  /** `unchecked`: not reached, or not checkable from what was given. */
  status: 'pass' | 'fail' | 'unchecked'
  title: string
  expected?: string
  found?: string
  /** Where the expectation comes from. */
  source?: string
  /** The smallest thing that would make it pass. */
  fix?: string
  because?: Reason[]
}

/** The Attestation Result of one appraisal of one node's evidence. */
export interface Verdict {
  tier: Tier
  outcome: Outcome
  assurance: Assurance
  /** One sentence: what was expected and what was found. */
  summary: string
  /** The smallest thing that would mend what decided it, where something failed. */
  fix?: string
  reasons: Reason[]
  /** The boot that was quoted (`bootOf`); 0 when no quote could be read. */
  boot: number
  /** The run digest of the keys in the evidence. */
  run: Digest
  /** Digest of the policy that it was appraised under. */
  policy: Digest
  /** Ledger time, in seconds, after which the verdict is worth nothing: the opening of its epoch and the policy's freshness. */
  expires: number
}

const MARK = { pass: '✔', fail: '✘', unchecked: '·' } as const

/** The verdict as a tree for people: first what to do, if anything is; then ✔ passed, ✘ failed, · not checked. */
export function renderVerdict(verdict: Verdict): string {
  const { tier, summary, fix, expires } = verdict
  const { integrity, confidentiality } = verdict.assurance
  const until = expires > 0 ? `, until ${new Date(expires * 1000).toISOString().slice(0, 19)}Z` : ''
  // Nobody votes on a proof.
  const vote = 'claims' in verdict ? '' : `vote ${verdict.outcome}, `
  const lines = [
    ...(fix === undefined ? [`${tier}: ${summary}`] : [`${tier}: ${fix}`, summary]),
    `${vote}integrity ${integrity}, confidentiality ${confidentiality}, boot ${bootText(verdict.boot)}${until}`,
  ]
  for (const reason of verdict.reasons) renderReason(reason, '', lines)
  for (const child of 'children' in verdict ? (verdict.children as Verdict[]) : []) {
    lines.push(
      ...renderVerdict(child)
        .split('\n')
        .map((line) => `  ${line}`),
    )
  }
  return lines.join('\n')
}

/** Reset count, and restart count where it is not zero: `5` or `5.1`. */
export function bootText(boot: number): string {
  const restarts = boot % 2 ** 16
  return `${Math.floor(boot / 2 ** 16)}${restarts ? `.${restarts}` : ''}`
}

/** Adds a reason and those beneath it to the lines of a tree for people. */
export function renderReason(reason: Reason, indent: string, lines: string[]): void {
  lines.push(`${indent}${MARK[reason.status]} ${reason.title}`)
  if (reason.status === 'fail') {
    for (const key of ['expected', 'found', 'source', 'fix'] as const) {
      if (reason[key] !== undefined) lines.push(`${indent}    ${key}: ${reason[key]}`)
    }
  } else if (reason.found !== undefined) {
    lines[lines.length - 1] += ` (${reason.found})`
  }
  for (const child of reason.because ?? []) renderReason(child, `${indent}  `, lines)
}
