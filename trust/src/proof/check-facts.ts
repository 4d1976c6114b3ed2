import { fail, group, pass, short, unchecked } from '../appraise/reason.ts'
import { APPROVED_STATUSES, type EpochRecord, type LedgerFacts, type NodeRecord } from '../ledger-facts.ts'
import type { Reason } from '../verdict.ts'
import type { ReliedFacts, ReliedNode } from './relied-facts.ts'

const TITLE = "The ledger facts in the bundle are the ledger's"
const SOURCE = 'the ledger facts that the caller has'
/** A status only ever moves to the right. */
const COURSE: readonly string[] = APPROVED_STATUSES

interface Standing {
  status: string
  sinceBlock: number
}

/**
 * Compares the facts that a bundle brings with those that the caller has from its own source, at the same block or later.
 * @param epochs closed epochs that the caller has read
 */
export function checkFacts(
  relied: ReliedFacts,
  own: LedgerFacts | undefined,
  epochs: readonly EpochRecord[] = [],
): Reason {
  if (!own) {
    const { agreed, asked } = relied.obtained
    return unchecked(
      'proof/facts',
      TITLE,
      `taken on trust: block ${relied.block.number}, on which by its writer's word ${agreed} of ${asked} endpoints agreed`,
    )
  }
  return group('proof/facts', TITLE, [
    checkNetwork(relied, own),
    checkBlock(relied, own, epochs),
    checkEpoch(relied, own, epochs),
    ...relied.referenceValues.map((value) => {
      const known = own.referenceValues.find(({ r }) => r === value.r)
      const same = known?.release === value.release && known.platform === value.platform
      return checkStanding(`release ${value.release}`, value, same ? known : undefined, relied.block.number)
    }),
    ...relied.entries.map((entry) => {
      const known = own.entries.find(({ digest }) => digest === entry.digest)
      const same = known?.version === entry.version && known.grants === entry.grants
      return checkStanding(`${entry.name} ${entry.version}`, entry, same ? known : undefined, relied.block.number)
    }),
    ...relied.nodes.map((node) => {
      const known = own.nodes.find(({ id }) => id === node.id)
      return sameness(
        `The record of node ${short(node.id)}`,
        known !== undefined && sameNode(node, known, relied.block.number),
      )
    }),
  ])
}

/** Whether something that the proof rests on has been revoked since. */
export function revokedSince(relied: ReliedFacts, own: LedgerFacts): string | undefined {
  const revoked = new Set([
    ...own.entries.filter(({ status }) => status === 'revoked').map(({ digest }) => digest),
    ...own.referenceValues.filter(({ status }) => status === 'revoked').map(({ r }) => r),
  ])
  const entry = relied.entries.find(({ digest, status }) => status !== 'revoked' && revoked.has(digest))
  if (entry) return `${entry.name} ${entry.version}`
  const value = relied.referenceValues.find(({ r, status }) => status !== 'revoked' && revoked.has(r))
  return value && `release ${value.release}`
}

function checkNetwork(relied: ReliedFacts, own: LedgerFacts): Reason {
  const same = relied.chainId === own.chainId && relied.registry === own.registry
  const [theirs, ours] = [relied, own].map(({ chainId, registry }) => `chain ${chainId}, registry ${registry}`)
  return sameness('The network', same, undefined, ours, theirs)
}

/** Blocks and their times rise together, so that those which the caller knows bound all others. */
function checkBlock({ block }: ReliedFacts, own: LedgerFacts, epochs: readonly EpochRecord[]): Reason {
  const [title, ours] = [`Block ${block.number}`, own.block.number]
  const fits = [own.block, ...epochs.map(({ closedAt }) => closedAt)].every(({ number, hash, timestamp }) =>
    number === block.number
      ? hash === block.hash && timestamp === block.timestamp
      : (number - block.number) * (timestamp - block.timestamp) >= 0,
  )
  if (fits && block.number < ours) return unchecked('proof/facts/same', title, `the caller's facts are of ${ours}`)
  return sameness(title, fits && block.number === ours)
}

/** An epoch opens in the block that closes the one before. */
function checkEpoch({ epoch, block }: ReliedFacts, own: LedgerFacts, epochs: readonly EpochRecord[]): Reason {
  const [title, ours] = [`Epoch ${epoch.number}`, own.epoch]
  const [before, record] = [1, 0].map((back) => epochs.find(({ number }) => number === epoch.number - back))
  const opened = before?.closedAt
  const fits =
    (!opened || (opened.timestamp === epoch.openedAt && opened.number <= block.number)) &&
    (!record || (record.seed === epoch.seed && record.closedAt.number > block.number))
  if (fits && !record && epoch.number < ours.number)
    return unchecked('proof/facts/same', title, `the caller is in epoch ${ours.number}`)
  const same = epoch.number === ours.number && epoch.seed === ours.seed && epoch.openedAt === ours.openedAt
  return sameness(title, fits && (record !== undefined || same))
}

/** A node's keys never change; its status may have, after the bundle's block. */
function sameNode(then: ReliedNode, now: NodeRecord, block: number): boolean {
  return (
    (['operator', 'akX', 'akY', 'ekDigest'] as const).every((key) => now[key] === then[key]) &&
    (now.statusSince <= block
      ? then.status === now.status && then.statusSince === now.statusSince
      : then.statusSince <= block)
  )
}

/** What the caller's ledger says of an entry now has to allow what the bundle says of it then. */
function checkStanding(what: string, then: Standing, now: Standing | undefined, block: number): Reason {
  const holds =
    now !== undefined &&
    (now.sinceBlock <= block
      ? then.status === now.status && then.sinceBlock === now.sinceBlock
      : COURSE.indexOf(then.status) < COURSE.indexOf(now.status) && then.sinceBlock <= block)
  return sameness(what, holds, holds ? then.status : undefined)
}

function sameness(
  title: string,
  same: boolean,
  told?: string,
  expected = `${title} as the caller knows it`,
  found = 'something else in the bundle',
): Reason {
  if (same) return pass('proof/facts/same', title, told)
  return fail('proof/facts/same', title, {
    expected,
    found,
    source: SOURCE,
    fix: 'take the proof from a node of this network, or bring the facts up to date',
  })
}
