import { join } from 'node:path'
import { createFollower } from '@teapot-network/ledger'
import type { NodeId, NodeStatus } from '@teapot-network/trust'
import type { Network } from '../story/network.ts'
import { until } from '../story/wait.ts'

/** What does not come in so long never comes: how long a cheat may last is counted in epochs. */
export const WAIT_MS = 300_000

/** A change of standing, as the chain told it. */
export interface Change {
  node: NodeId
  to: NodeStatus
  /** The epoch whose votes said so, or the one in which the node voted falsely. */
  epoch: number
  /** What the chain called it: `Convicted` is no vote, but a proof against a vote of the node's own. */
  event: string
}

/** Everything that happened to anybody's standing, from the chain's own events. */
export interface Watch {
  /** The present epoch. */
  readonly epoch: number
  readonly changes: readonly Change[]
  /** What a node is by now; undefined before votes said anything. */
  standing(node: NodeId): NodeStatus | undefined
  untilEpoch(epoch: number): Promise<void>
}

/** `INodeRegistry.Status`. */
const STATUS = ['none', 'pending', 'active', 'inactive', 'suspect', 'quarantined', 'upgrading', 'retired']
/** Events that change a standing without saying to which. */
const SILENT: Record<string, NodeStatus> = { Convicted: 'quarantined', Underbonded: 'inactive', NodeRetired: 'retired' }

export async function watchStandings({ chain, deployment, devnet }: Network): Promise<Watch> {
  const { paths, signal, say } = devnet
  const changes: Change[] = []
  let epoch = 1
  await createFollower({
    rpcUrls: [chain.url],
    deployment,
    cursorFile: join(paths.chain, 'watch.json'),
    onProblem: ({ message }) => say(`cannot follow the chain now: ${message}`),
    onBlock({ events }) {
      for (const { eventName: event, args } of events) {
        const said = (args ?? {}) as { node?: NodeId; id?: NodeId; to?: number; epoch?: number }
        if (event === 'EpochClosed') epoch = said.epoch! + 1
        const to = SILENT[event] ?? (said.to === undefined ? undefined : (STATUS[said.to] as NodeStatus))
        if (to) changes.push({ node: (said.node ?? said.id)!, to, epoch: said.epoch ?? epoch, event })
      }
    },
  })
  return {
    get epoch() {
      return epoch
    },
    changes,
    standing: (node) => changes.findLast((change) => change.node === node)?.to,
    async untilEpoch(wanted) {
      await until(`epoch ${wanted}`, () => epoch >= wanted || undefined, { signal, timeoutMs: WAIT_MS })
    },
  }
}
