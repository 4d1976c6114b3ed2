import { type Digest, toHex } from '../bytes.ts'
import { kindName, parseEntry } from '../entry.ts'
import { type KnownLog, type LogRecord, PCR_C, PCR_R, replayEventLog } from '../event-log.ts'
import type { Evidence } from '../evidence.ts'
import type { LedgerFacts } from '../ledger-facts.ts'
import { TeapotError } from '../teapot-error.ts'
import type { Outcome, Reason, Tier } from '../verdict.ts'
import { describeUnheld, type HeldEntry, type LedgerIndex } from './ledger-index.ts'
import { check, fail, group, pass, short } from './reason.ts'

/** One step with what its failure means for tier and vote. */
export interface Weighed {
  reason: Reason
  tier: Tier
  outcome: Outcome
}

const MISMATCH = { tier: 'contraindicated', outcome: 'mismatch' } as const
const UNREADABLE = { tier: 'none', outcome: 'silence' } as const
const OUTDATED = { tier: 'warning', outcome: 'silence' } as const
const REVOKED = { tier: 'contraindicated', outcome: 'silence' } as const

/** Whether what was measured is what the ledger holds: spec/trust-model.md §2.5 to §2.7. */
export function appraiseMeasurements(
  evidence: Evidence,
  facts: LedgerFacts,
  index: LedgerIndex,
  known: KnownLog,
): Weighed[] {
  const log = appraiseLog(evidence, index, known)
  const records = log.records
  return [
    log.weighed,
    appraiseRuntime(evidence.pcrs[PCR_R]!, records, facts, index),
    ...(records ? appraiseProvisioned(records, index) : []),
  ]
}

/** The records that the quote covers; undefined when the log does not replay to it. */
function appraiseLog(
  evidence: Evidence,
  index: LedgerIndex,
  known: KnownLog,
): { weighed: Weighed; records: readonly LogRecord[] | undefined } {
  const title = 'The event log replays to the quoted values'
  const [r, c] = [evidence.pcrs[PCR_R]!, evidence.pcrs[PCR_C]!]
  let records: readonly LogRecord[]
  try {
    records = known.read(evidence.log, index.records)
  } catch (error) {
    if (!(error instanceof TeapotError)) throw error
    const failure = {
      expected: 'an event log',
      found: error.message,
      source: 'spec/evidence.md §4',
      fix: 'send the event log as the node wrote it',
    }
    return {
      weighed: { ...UNREADABLE, reason: fail('log/form', 'The event log can be read', failure) },
      records: undefined,
    }
  }
  const count = known.quotedPrefix({ r, c })
  if (count >= 0) {
    const newer = records.length - count
    const found = `${count} entries${newer > 0 ? `, ${newer} newer than the quote` : ''}`
    return {
      weighed: { ...MISMATCH, reason: pass('log/replay', title, found) },
      records: newer > 0 ? records.slice(0, count) : records,
    }
  }
  const replayed = replayEventLog(records)
  const reason = fail('log/replay', title, {
    expected: `a log that replays to R ${short(r)} and C ${short(c)}`,
    found: `R ${short(replayed.r)} and C ${short(replayed.c)} after all ${records.length} entries`,
    source: 'the quote',
    fix: 'reboot the machine: whatever was extended outside the log is gone then',
  })
  return { weighed: { ...MISMATCH, reason }, records: undefined }
}

function appraiseRuntime(
  r: Digest,
  records: readonly LogRecord[] | undefined,
  facts: LedgerFacts,
  index: LedgerIndex,
): Weighed {
  const value = index.referenceValues.get(r)
  const source = 'ReferenceValues'
  if (!value) {
    const good = facts.referenceValues.filter(({ status }) => status === 'current' || status === 'grace')
    const launched = records?.filter(({ pcr }) => pcr === PCR_R).map((record) => describe(record, index))
    const reason = fail('runtime/registered', 'Launcher and runtime image are of a registered release', {
      expected: `the R of a registered release (${good.map(({ release }) => release).join(', ') || 'none is'})`,
      found: `R ${short(r)}${launched ? ` from ${launched.join(', ') || 'nothing measured'}` : ''}`,
      source,
      fix: 'install a registered release and reboot',
    })
    return { ...MISMATCH, reason }
  }
  const current = value.status === 'current' || value.status === 'grace'
  const reason = check(
    'runtime/current',
    `The release is current: ${value.release} on ${value.platform}`,
    current,
    () => ({
      expected: 'a release that is current or in grace',
      found: `${value.release}, ${value.status} since block ${value.sinceBlock}`,
      source,
      fix: 'install the current release and reboot',
    }),
  )
  return { ...(value.status === 'revoked' ? REVOKED : OUTDATED), reason }
}

function appraiseProvisioned(records: readonly LogRecord[], index: LedgerIndex): Weighed[] {
  const provisioned = records.filter(({ pcr }) => pcr === PCR_C)
  /** The last entry under each name that must be current. */
  const last = new Map<string, HeldEntry>()
  const held = provisioned.map((record) => {
    const item = index.held(record)
    if (item?.slot !== undefined) last.set(item.slot, item)
    return item?.passed ?? unheld(record, item, index)
  })
  const current = [...last.values()].map(appraiseCurrent)
  return [
    { ...MISMATCH, reason: group('provisioned/held', 'The ledger holds all that was provisioned', held) },
    { ...OUTDATED, reason: group('provisioned/current', 'Providers and policies are current', current) },
  ]
}

function unheld(record: LogRecord, held: HeldEntry | undefined, index: LedgerIndex): Reason {
  return fail('provisioned/entry', 'An entry that the ledger never held', {
    expected: 'an actor, provider or policy that is or was approved on the ledger',
    found: held?.title ?? describe(record, index),
    source: 'CodeRegistry',
    fix: 'reboot the machine, and load only what the ledger holds',
  })
}

function appraiseCurrent({ entry, title }: HeldEntry): Reason {
  const current = entry.status === 'current' || entry.status === 'grace'
  return check('provisioned/status', title, current, () => ({
    expected: `a current ${kindName(entry.kind)} ${entry.name}`,
    found: `${title}, ${entry.status} since block ${entry.sinceBlock}`,
    source: 'CodeRegistry',
    fix: 'load the current version',
  }))
}

function describe(record: LogRecord, index: LedgerIndex): string {
  try {
    return describeUnheld(parseEntry(record.content), index)
  } catch (error) {
    if (!(error instanceof TeapotError)) throw error
    return `${record.content.length} bytes that are no entry, ${short(toHex(record.digest))}`
  }
}
