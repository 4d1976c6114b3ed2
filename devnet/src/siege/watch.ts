import { join } from 'node:path'
import { createFollower, type LedgerEvent } from '@teapot-network/ledger'
import type { NodeId, NodeStatus } from '@teapot-network/trust'
import type { Network } from '../story/network.ts'
import { until } from '../story/wait.ts'

/** A change of standing, as the chain told it. */
export interface Change {
  node: NodeId
  to: NodeStatus
  /** The epoch whose votes said so, or the one in which the node voted falsely. */
  epoch: number
  /** Not by votes, but by proof of a vote of its own. */
  convicted?: true
}

/** Everything that happened to anybody's standing, from the chain's own events. */
export interface Watch extends AsyncDisposable {
  /** The present epoch. */
  readonly epoch: number
  readonly changes: readonly Change[]
  /** What a node is by now; undefined before votes said anything. */
  standing(node: NodeId): NodeStatus | undefined
  untilEpoch(epoch: number): Promise<void>
}

/** `INodeRegistry.Status`. */
const STATUS = [
  ...[undefined, 'pending', 'active', 'inactive'],
  ...['suspect', 'quarantined', 'upgrading', 'retired'],
] as readonly NodeStatus[]

export async function watchStandings({ chain, deployment, devnet: { paths, signal } }: Network): Promise<Watch> {
  const changes: Change[] = []
  let epoch = 1
  const changesIn = (event: LedgerEvent): Change[] => {
    if (event.contract === 'attestation') {
      if (event.eventName === 'EpochClosed') epoch = event.args.epoch + 1
      if (event.eventName !== 'StatusChanged') return []
      return [{ node: event.args.node, to: STATUS[event.args.to]!, epoch: event.args.epoch }]
    }
    if (event.contract !== 'nodeRegistry') return []
    if (event.eventName === 'StandingCorrected')
      return [{ node: event.args.id, to: STATUS[event.args.to]!, epoch: event.args.epoch }]
    if (event.eventName === 'Underbonded') return [{ node: event.args.id, to: 'inactive', epoch }]
    if (event.eventName !== 'Convicted') return []
    return [{ node: event.args.id, to: 'quarantined', epoch: event.args.epoch, convicted: true }]
  }
  const follower = await createFollower({
    rpcUrls: [chain.url],
    deployment,
    cursorFile: join(paths.chain, 'watch.json'),
    onBlock({ events }) {
      changes.push(...events.flatMap(changesIn))
    },
  })
  return {
    get epoch() {
      return epoch
    },
    changes,
    standing: (node) => changes.findLast((change) => change.node === node)?.to,
    async untilEpoch(wanted) {
      await until(`epoch ${wanted}`, () => epoch >= wanted || undefined, { signal, timeoutMs: 120_000 })
    },
    [Symbol.asyncDispose]: () => follower[Symbol.asyncDispose](),
  }
}
