import {
  EntryKind,
  encodeCbor,
  type NodeId,
  PCR_C,
  PCR_R,
  sha256,
  TeapotError,
  toHex,
  utf8,
} from '@teapot-network/trust'
import { parseBallots, votesIn } from '../../daemon/src/attest/ballot.ts'
import { parseEvidenceRequest } from '../../daemon/src/attest/log-suffix.ts'
import type { CastVote } from '../../daemon/src/attest/tally.ts'
import type { SimNode, SimWorld } from './sim-node.ts'

/** What a cheat does, and how it ends. */
export interface Cheat {
  name: string
  /** `machine`: its evidence is another. `verifier`: its votes or reports are. */
  kind: 'machine' | 'verifier'
  /** A machine whose votes nobody hears any more. */
  mute?: true
  /**
   * Begins to cheat.
   * @param lie to be called with the first act from which the network can tell
   */
  turn(node: SimNode, world: SimWorld, lie: () => void): void
  /** `silence`: only once the epoch is over can anyone tell. `made good`: it stays, to no effect. */
  end?: 'silence' | 'made good'
}

const ZERO = `0x${'00'.repeat(32)}` as const
const none = new Uint8Array()
const entry = (kind: EntryKind, name: string) => ({ kind, name, sha256: toHex(sha256(utf8(name))), grants: none })

/** What a launcher measures and what is provisioned; of an unknown runtime where told so. */
export function boot({ tpm }: Pick<SimNode, 'tpm'>, policy: Uint8Array, unknown = false): void {
  tpm.reset()
  tpm.measure(PCR_R, entry(EntryKind.launcher, 'launcher'))
  tpm.measure(PCR_R, entry(EntryKind.runtime, unknown ? 'patched runtime' : 'runtime'))
  tpm.measure(PCR_C, { ...entry(EntryKind.policy, 'appraisal'), sha256: toHex(sha256(policy)) })
}

function machine(name: string, act: (node: SimNode, world: SimWorld) => void): Cheat {
  const turn: Cheat['turn'] = (node, world, lie) => {
    act(node, world)
    lie()
  }
  return { name, kind: 'machine', turn }
}

/** Those that were good nodes first. */
export const CHEATS: Cheat[] = [
  machine('runs a runtime that was never registered', (node, { policyBytes }) => {
    boot(node, policyBytes, true)
    void node.restart()
  }),
  machine('loads what the ledger never held', ({ tpm }) => tpm.measure(PCR_C, entry(EntryKind.actor, 'malware'))),
  machine('extends what its log does not tell', ({ tpm }) =>
    tpm.measure(PCR_C, entry(EntryKind.actor, 'hidden'), { unlogged: true }),
  ),
  machine('shows evidence of an earlier epoch', ({ cheating, source }) => {
    const old = source.current()!.bytes
    cheating.evidence = async () => old
  }),
  machine("shows another node's evidence", ({ cheating }, { network }) => {
    const [other] = network.peers.values()
    cheating.evidence = (body, from) => other!.methods['evidence']!(body, from)
  }),
  machine('refuses as who cannot judge would', ({ cheating }) => {
    cheating.evidence = () => Promise.reject(new TeapotError('attest/no-policy', 'no', { kind: 'unavailable' }))
  }),
  machine('shows each Verifier another quote over what the ledger never held', (node) => {
    node.tpm.measure(PCR_C, entry(EntryKind.actor, 'malware'))
    node.cheating.evidence = async (body) => {
      const { bytes } = await node.source.renew(await node.ledger.readFacts())
      return parseEvidenceRequest(body).held ? encodeCbor([0, bytes]) : bytes
    }
  }),
  machine('writes on in an older image of its disk', ({ disk }) => {
    disk.sizes.length = Math.floor(disk.sizes.length / 2)
    disk.leaves.length = disk.sizes.at(-1) ?? 0
  }),
  { ...machine('says nothing', ({ address }, { network }) => void network.peers.delete(address)), mute: true },
  machine('moves its AK to a TPM with another EK', ({ tpm }, { spareEk }) => {
    tpm.ek = spareEk
  }),
  {
    name: 'withholds its votes',
    kind: 'verifier',
    end: 'silence',
    turn({ cheating }, _, lie) {
      cheating.votes = async () => []
      lie()
    },
  },
  {
    name: 'signs more votes than there are nodes',
    kind: 'verifier',
    end: 'silence',
    turn({ cheating }, _, lie) {
      cheating.votes = async ([vote]) => (vote ? Array(1_000).fill(vote) : [])
      lie()
    },
  },
  {
    name: 'votes on evidence that nobody serves',
    kind: 'verifier',
    end: 'silence',
    turn(node, _, lie) {
      const since = node.source.current()!.evidence.epoch
      node.cheating.votes = async (votes, epoch) => {
        if (epoch <= since) return votes
        const made = (vote: CastVote) => ({ ...vote, evidence: toHex(sha256(utf8(vote.signature))) })
        return Promise.all(votes.map((vote) => node.sign(epoch, made(vote))))
      }
      lie()
    },
  },
  {
    name: 'affirms whatever it sees',
    kind: 'verifier',
    turn({ cheating }, _, lie) {
      cheating.decide = ({ outcome }) => {
        if (outcome !== 'affirm') lie()
        return 'affirm'
      }
    },
  },
  {
    name: 'finds everyone guilty',
    kind: 'verifier',
    turn({ cheating }, _, lie) {
      cheating.decide = ({ outcome }) => {
        if (outcome === 'affirm') lie()
        return 'mismatch'
      }
    },
  },
  {
    name: 'votes twice',
    kind: 'verifier',
    turn(node, _, lie) {
      node.cheating.votes = async (votes, epoch, to) => {
        const [first, ...others] = votes
        if (!first || Number(to.at(-1)) % 2 === 0) return votes
        lie()
        const other = { ...first, outcome: 'silence', run: ZERO, boot: 0, evidence: ZERO, quote: ZERO } as const
        return [await node.sign(epoch, other), ...others]
      }
    },
  },
  {
    name: 'copies what others voted',
    kind: 'verifier',
    turn(node, world, lie) {
      node.cheating.votes = async (own, epoch) => {
        const copied = await copyVotes(node, world, epoch)
        const truth = new Map(own.map((vote) => [vote.node, vote]))
        const isFalse = ({ node: id, outcome, quote }: CastVote) =>
          outcome !== 'silence' && truth.get(id)?.quote === quote && truth.get(id)?.outcome !== outcome
        if (copied.some(isFalse)) lie()
        return Promise.all(copied.map((vote) => node.sign(epoch, { ...vote, voter: node.id })))
      }
    },
  },
  {
    name: 'closes epochs with empty reports',
    kind: 'verifier',
    end: 'made good',
    turn({ cheating }, _, lie) {
      cheating.hasty = true
      lie()
    },
  },
]

/** The first vote on each other node that anyone shows, the worst company first. */
async function copyVotes(node: SimNode, { network }: SimWorld, epoch: number): Promise<CastVote[]> {
  const found = new Map<NodeId, CastVote>()
  for (const [address, peer] of [...network.peers].reverse()) {
    if (address === node.address) continue
    const answer = await peer.methods['votes']!(encodeCbor([epoch]), node.address)
    for (const vote of parseBallots(answer).slice(0, 1).flatMap(votesIn)) {
      if (vote.node !== node.id && !found.has(vote.node)) found.set(vote.node, vote)
    }
  }
  return [...found.values()]
}
