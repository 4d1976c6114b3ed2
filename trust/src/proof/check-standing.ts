import { group, pass, short, unchecked } from '../appraise/reason.ts'
import { equalBytes, fromHex } from '../bytes.ts'
import type { EpochRecord, LedgerFacts, NodeStatus } from '../ledger-facts.ts'
import type { Reason, Verdict } from '../verdict.ts'
import { checkFacts } from './check-facts.ts'
import { verifyConsistency } from './merkle.ts'
import { link, type Parts } from './parts.ts'

/** What a caller has read of the ledger. */
export interface LedgerKnowledge {
  /** The ledger as the caller itself has read it, at the bundle's block or later. */
  facts?: LedgerFacts
  /** Closed epochs, as the caller itself has read them: what an anchor leads to, and the seeds of epochs gone by. */
  epochs?: readonly EpochRecord[]
}

/** Until a quorum affirms a node, nobody vouches that its AK lives in a TPM. */
const OUT_OF_SERVICE: readonly NodeStatus[] = ['pending', 'inactive', 'suspect', 'quarantined', 'retired']

/**
 * Whether a later quote of the same boot extends what the evidence showed (spec/proof.md §8.1).
 * @param then the appraisal of the evidence that the claims cite
 * @param now that of the confirmation's, where there is one
 */
export function checkConfirmation(
  { bundle, evidence, later, checkpoint, receipt }: Parts,
  then: Verdict,
  now: Verdict | undefined,
  { facts, epochs }: LedgerKnowledge,
): Reason {
  const title = 'A later quote of the same boot confirms it'
  const { confirmation } = bundle
  if (!confirmation || !later || !now) return unchecked('proof/standing', title, 'provisional')
  const { log, size, root } = later.checkpoint
  const covers =
    log === checkpoint.log && size > receipt.index && (size !== checkpoint.size || root === checkpoint.root)
  const sameNetwork =
    confirmation.facts.chainId === bundle.facts.chainId && confirmation.facts.registry === bundle.facts.registry
  return group('proof/standing', title, [
    link(
      'same-boot',
      'It is of the same node, network and boot',
      later.node === evidence.node && now.boot === then.boot && sameNetwork,
      `node ${short(evidence.node)}, boot ${then.boot}`,
      `node ${short(later.node)}, boot ${now.boot}, registry ${confirmation.facts.registry}`,
    ),
    link(
      'same-log',
      'Its event log begins with that of the evidence',
      equalBytes(later.log.subarray(0, evidence.log.length), evidence.log),
      `the ${evidence.log.length} bytes of the event log, and what was appended`,
      `${later.log.length} bytes that begin otherwise`,
    ),
    link(
      'covers',
      'Its checkpoint is of that log, and reaches beyond the result',
      covers,
      `a checkpoint of log ${checkpoint.log} with leaf ${receipt.index}`,
      `log ${log}, ${size} leaves, root ${short(root)}`,
    ),
    {
      ...group('proof/later-appraisal', 'The later evidence stands up', now.reasons),
      status: now.outcome === 'affirm' ? 'pass' : 'fail',
    },
    checkFacts(confirmation.facts, facts, epochs),
  ])
}

/** Whether the receipt's checkpoint leads to one that an epoch put on the ledger (spec/proof.md §8.2). */
export function checkAnchor({ anchored, claims, checkpoint }: Parts, epochs: readonly EpochRecord[] = []): Reason {
  const title = 'Its checkpoint stands on the ledger'
  if (!anchored) return unchecked('proof/anchor', title, 'not shown')
  const { says, root, block, consistency } = anchored
  const quoted = says.checkpoint
  const leads =
    says.node === claims.node &&
    quoted?.log === checkpoint.log &&
    verifyConsistency(checkpoint.size, fromHex(checkpoint.root), quoted.size, fromHex(quoted.root), consistency)
  const record = epochs.find(({ number }) => number === says.epoch)
  const at = `block ${block.number}, ${new Date(block.timestamp * 1000).toISOString().slice(0, 19)}Z`
  const holds =
    record?.root === root &&
    (['number', 'hash', 'timestamp'] as const).every((key) => record.closedAt[key] === block[key])
  const why = `taken on trust: root ${short(root)} of epoch ${says.epoch}, closed in ${at}`
  const reason = group('proof/anchor', title, [
    link(
      'anchor-log',
      "The receipt's tree is a beginning of the one in the epoch's leaf",
      leads,
      `a later tree of log ${checkpoint.log} of node ${short(claims.node)}`,
      quoted ? `log ${quoted.log}, ${quoted.size} leaves, of node ${short(says.node)}` : 'a leaf without a checkpoint',
    ),
    record
      ? link(
          'anchor-root',
          'The epoch that the caller knows has this root',
          holds,
          `root ${short(record.root)}, closed in block ${record.closedAt.number}`,
          `root ${short(root)}, closed in ${at}`,
        )
      : unchecked('proof/anchor-root', 'The epoch has this root', why),
    link(
      'anchor-time',
      `It is no newer than ${at}`,
      claims.block.number <= block.number,
      `at most block ${block.number}`,
      `claims that name block ${claims.block.number}`,
    ),
  ])
  return record || reason.status === 'fail' ? reason : { ...reason, status: 'unchecked' }
}

/**
 * Whether the node was in service when the result was made, by the newest facts at hand (spec/proof.md §8.4). Unchecked where nothing shows
 * that it was made before the node left.
 * @param anchoredBefore the block before which the result was made, where that is known
 */
export function checkNode({ bundle, claims }: Parts, facts: LedgerFacts | undefined, anchoredBefore: number): Reason {
  const [id, title] = ['proof/in-service', 'The node was in service']
  const { confirmation } = bundle
  const later = confirmation && confirmation.facts.block.number > bundle.facts.block.number ? confirmation : bundle
  const node = (facts ?? later.facts).nodes.find((one) => one.id === claims.node)
  if (!node) return unchecked(id, title, 'no record of it at hand')
  const since = `${node.status} since block ${node.statusSince}`
  if (!OUT_OF_SERVICE.includes(node.status)) return pass(id, title, since)
  if (claims.block.number < node.statusSince) {
    if (anchoredBefore < node.statusSince) return pass(id, title, `${since}, the result is from before`)
    return unchecked(id, title, `${since}, no anchor shows that the result is from before`)
  }
  return link(
    'in-service',
    title,
    false,
    `a result from before block ${node.statusSince}`,
    `${since}, claims that name block ${claims.block.number}`,
  )
}
