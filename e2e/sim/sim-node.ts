import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Ledger, Round as LedgerRound } from '@teapot-network/ledger'
import {
  type Address,
  ekDigest,
  type Hex,
  leafHash,
  type NodeId,
  type Outcome,
  type Policy,
  type RunKeys,
  toHex,
} from '@teapot-network/trust'
import { treeRoot } from '@teapot-network/trust/encode'
import { signBallot, signVote } from '@teapot-network/trust/vote'
import { openAttendance } from '../../daemon/src/attest/attendance.ts'
import {
  type Ballot,
  encodeBallots,
  encodeRows,
  parseBallots,
  parseEpochRequest,
  votesIn,
} from '../../daemon/src/attest/ballot.ts'
import { type Beacon, openBeacon } from '../../daemon/src/attest/beacon.ts'
import {
  answerConsistency,
  type CheckpointBook,
  openCheckpointBook,
  type ProvenLog,
} from '../../daemon/src/attest/checkpoint-book.ts'
import { enlist } from '../../daemon/src/attest/enlistment.ts'
import type { EnrolmentBook } from '../../daemon/src/attest/enrolment.ts'
import { createEvidenceSource, type EvidenceSource } from '../../daemon/src/attest/evidence-source.ts'
import { createPeerVerifier } from '../../daemon/src/attest/peer-verifier.ts'
import type { VoteFacts } from '../../daemon/src/attest/round.ts'
import { createRounds, type Rounds } from '../../daemon/src/attest/rounds.ts'
import type { CastVote } from '../../daemon/src/attest/tally.ts'
import { openVoteBook } from '../../daemon/src/attest/vote-book.ts'
import { answerWitness } from '../../daemon/src/attest/witnesses.ts'
import type { Log } from '../../daemon/src/log.ts'
import { consistencyPath } from '../../trust/src/proof/naive-tree.fixture.ts'
import type { SimChain } from './sim-chain.ts'
import { keep, type SimMethod, type SimNetwork, type SimPeer } from './sim-network.ts'
import type { SimTime } from './sim-time.ts'
import type { SoftwareTpm } from './software-tpm.ts'

/** What all nodes of a simulation share. */
export interface SimWorld {
  time: SimTime
  network: SimNetwork
  chain: SimChain
  policy: Policy
  policyBytes: Uint8Array
  /** The EK certificate of a good TPM that no node has. */
  spareEk: Uint8Array[]
  folder: string
  graceSeconds: number
  log(node: string): Log
}

/** How a node departs from the product, from the outside: what it says, not how the code works. */
export interface Cheating {
  /** Replaces answers to `evidence`. */
  evidence?: SimMethod
  /** Replaces its voting rule. */
  decide?(facts: VoteFacts): Outcome
  /** Replaces the votes that it shows to the peer at an address. */
  votes?(votes: CastVote[], epoch: number, to: string): Promise<CastVote[]>
  /** Closes epochs as early as it may, with nothing in the report. */
  hasty?: boolean
}

/** One node: the product's code on a software TPM. */
export interface SimNode {
  readonly name: string
  readonly id: NodeId
  readonly address: string
  readonly tpm: SoftwareTpm
  readonly source: EvidenceSource
  readonly peer: SimPeer
  /** What stands on its disk: the leaves of its receipt log, and of how many the log was at each checkpoint. */
  disk: { leaves: Uint8Array[]; sizes: number[] }
  cheating: Cheating
  ledger: Ledger
  /** Brings the newest block to the node. */
  advance(): Promise<void>
  /** Ends the run and begins another: new keys, the same files. */
  restart(): Promise<void>
  sign(epoch: number, vote: Omit<CastVote, 'signature'>): Promise<CastVote>
  [Symbol.asyncDispose](): Promise<void>
}

export const operatorOf = (name: string): Address =>
  toHex(createHash('sha256').update(name).digest().subarray(12)) as Address

export async function createSimNode(world: SimWorld, name: string, tpm: SoftwareTpm): Promise<SimNode> {
  const { time, network, chain } = world
  const operator = operatorOf(name)
  const address = `sim/${name}`
  const log = world.log(name)
  const file = (what: string) => join(world.folder, `${name}-${what}.json`)
  const vote = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' }
  const voteKey = await crypto.subtle.importKey('jwk', vote, ecdsa, false, ['sign'])
  const votePublic: Hex = toHex(
    Buffer.concat([Buffer.of(4), ...[vote.x!, vote.y!].map((part) => Buffer.from(part, 'base64url'))]),
  )
  const { chainId, attestation } = chain.deployment
  const writer = chain.writerOf(operator)
  const lattice = network.latticeOf(address)
  let rounds!: Rounds
  let beacon: Beacon
  let checkpoints!: CheckpointBook
  let closing = 0

  async function start(): Promise<void> {
    const key = (bytes: number) => toHex(randomBytes(bytes))
    const keys: RunKeys = { receipt: key(65), seal: key(32), peer: key(32) }
    /** Each quote follows some results. */
    const checkpoint = async () => {
      for (let more = randomBytes(1)[0]! & 3; more >= 0; more--) node.disk.leaves.push(leafHash(randomBytes(32)))
      node.disk.sizes.push(node.disk.leaves.length)
      return receipts.checkpoint()
    }
    checkpoints = await openCheckpointBook(file('checkpoints'))
    const source = createEvidenceSource({
      ...{ quoter: tpm, type: 'tpm-simulated', node: tpm.node, operator, ak: tpm.ak, keys, checkpoint },
      get ek() {
        return tpm.ek
      },
      readLog: async () => tpm.log(),
    })
    const verifier = createPeerVerifier({
      lattice,
      ledger,
      enrolment,
      checkpoints,
      policy: () => world.policy,
      references: () => undefined,
    })
    rounds = createRounds({
      ...{
        self: tpm.node,
        attestation,
        voteKey,
        graceSeconds: world.graceSeconds,
        source,
        verifier,
        checkpoints,
        lattice,
        clock: time,
      },
      attendance: await openAttendance(file('attendance')),
      book: await openVoteBook(file('votes'), attestation),
      provisioned: () => true,
      decide: async (facts) => node.cheating.decide?.(facts) ?? facts.outcome,
      writer,
      keep: async (block) => keep(peer, block),
      fetch: (digest, _, signal) => network.fetch(address, digest, signal),
      log,
    })
    beacon = await openBeacon({ self: tpm.node, path: file('seed'), writer, log })
    node.source = source
    peer.peerKey = keys.peer
  }

  const receipts: ProvenLog = {
    checkpoint() {
      const { leaves, sizes } = node.disk
      return { log: 1, sequence: sizes.length, size: leaves.length, root: toHex(treeRoot(leaves)) }
    },
    consistencyProof: (from, to) => consistencyPath(from, node.disk.leaves.slice(0, to)),
  }
  const ledger = {
    readFacts: () => node.ledger.readFacts(),
    readBlock: (number: number) => node.ledger.readBlock(number),
  } as Ledger
  /** Stands for credential activation, which is tested on TPMs. */
  const enrolment: EnrolmentBook = {
    async require({ id }, { ek }, at) {
      if (!network.peers.get(at)?.holds(ek[0]!)) throw new Error(`the TPM of ${id} does not release the secret`)
    },
  }

  async function showBallots(body: Uint8Array, to: string): Promise<Uint8Array> {
    const epoch = parseEpochRequest(body)
    const honest = await rounds.ballots(epoch)
    const [own, ...heard] = parseBallots(honest)
    if (!own || !node.cheating.votes) return honest
    const rows = encodeRows(await node.cheating.votes(votesIn(own), epoch, to))
    const head = { voter: own.voter, rows }
    const signature = await signBallot({ chainId, attestation, epoch, ...head }, voteKey)
    const shown: Ballot = { ...head, signature }
    return encodeBallots([shown, ...heard])
  }

  /** An entitled operator may close an epoch in any turn and with anything in it. */
  async function closeHastily({ facts, minEpochSeconds }: LedgerRound): Promise<void> {
    const { number, openedAt } = facts.epoch
    if (closing === number || facts.block.timestamp < openedAt + minEpochSeconds - 1) return
    closing = number
    const nothing: Hex = `0x${'00'.repeat(32)}`
    await writer.send({ contract: 'attestation', functionName: 'closeEpoch', args: [number, nothing, nothing, []] })
  }

  const peer: SimPeer = {
    peerKey: '0x',
    blocks: new Map(),
    holds: tpm.holds,
    methods: {
      evidence: async (body, from) => node.cheating.evidence?.(body, from) ?? node.source.answer(body),
      votes: showBallots,
      consistency: async (body) => answerConsistency(body, receipts),
      witness: (body) => answerWitness(body, checkpoints, async (digest) => peer.blocks.get(digest)!),
    },
  }
  const node = {
    ...{
      name,
      id: tpm.node,
      address,
      tpm,
      peer,
      cheating: {} as Cheating,
      disk: { leaves: [], sizes: [] } as SimNode['disk'],
      ledger: chain.ledgerAt(chain.url),
    },
    source: undefined as unknown as EvidenceSource,
    async advance() {
      const now = await node.ledger.readRound()
      const contact = JSON.stringify({ http: 'http://sim', p2p: address })
      const self = {
        node: tpm.node,
        ak: tpm.ak,
        ekDigest: ekDigest(tpm.ek[0])!,
        quote: tpm.quote,
        vote: voteKey,
        voteKey: votePublic,
        contact,
      }
      if (!joining) {
        joining = true
        await enlist(self, now, writer, new AbortController().signal)
      }
      await rounds.advance(now)
      if (node.cheating.hasty) await closeHastily(now)
      await beacon.advance(now)
    },
    async restart() {
      await rounds[Symbol.asyncDispose]()
      await start()
    },
    async sign(epoch: number, said: Omit<CastVote, 'signature'>) {
      const { voter: _, ...statement } = said
      return { ...said, signature: await signVote({ chainId, attestation, epoch, ...statement }, voteKey) }
    },
    async [Symbol.asyncDispose]() {
      await rounds[Symbol.asyncDispose]()
    },
  }
  let joining = false
  await start()
  network.peers.set(address, peer)
  return node
}
