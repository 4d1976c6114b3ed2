import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Round } from '@teapot-network/ledger'
import type { Digest, Hex, LedgerFacts, NodeRecord, NodeStatus, Outcome } from '@teapot-network/trust'
import { afterEach, beforeEach } from 'vitest'
import type { CastVote } from './tally.ts'

/** A digest that says which. */
export const id = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const EVIDENCE: Digest = id(0xee)

const vector = JSON.parse(readFileSync(new URL('../../../trust/vectors/swtpm.json', import.meta.url), 'utf8'))
/** Evidence with a genuine quote of a software TPM, and the ledger and policy that go with it. */
export const SWTPM = {
  evidence: new Uint8Array(Buffer.from(vector.evidence, 'base64')),
  policy: new Uint8Array(Buffer.from(vector.policy, 'base64')),
  facts: vector.facts as LedgerFacts,
}

/** A new folder for each test of a file. @returns where a file of that name is in it */
export function freshFolder(): (name: string) => string {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'teapot-attest-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  return (name) => join(folder, name)
}

/** Nodes 1 to `count`. */
export function activeNodes(count: number): NodeRecord[] {
  return Array.from({ length: count }, (_, i) => node(i + 1, 'active'))
}

export function node(n: number, status: NodeStatus): NodeRecord {
  return {
    id: id(n),
    operator: `0x${n.toString(16).padStart(40, '0')}` as Hex,
    status,
    statusSince: 1,
    genesis: false,
    akX: id(1),
    akY: id(2),
    ekDigest: id(n),
    voteKey: '0x04',
    contact: '{}',
    quarantinedBoot: 0,
  }
}

export function factsWith(...nodes: NodeRecord[]): LedgerFacts {
  return {
    chainId: 31337,
    registry: `0x${'11'.repeat(20)}` as Hex,
    block: { number: 9, hash: id(9), timestamp: 1000 },
    epoch: { number: 3, seed: id(0x5eed), openedAt: 990 },
    referenceValues: [],
    entries: [],
    nodes,
  }
}

export function roundOf(facts: LedgerFacts): Round {
  const standing = { lastEpoch: 0, silent: false, entitledSince: 1, bonded: true, ekTaken: false }
  const standings = new Map(facts.nodes.map(({ id }) => [id, standing]))
  return { facts, standings, minEpochSeconds: 1, committee: 5, frozenCount: 0, minBondWei: 0n, beacon: [] }
}

export function vote(voter: number, subject: number, outcome: Outcome, boot = 1): CastVote {
  const [run, evidence, quote] = [id(7), EVIDENCE, id(0xa)]
  return { voter: id(voter), node: id(subject), outcome, run, boot, evidence, quote, signature: `0x${'00'.repeat(64)}` }
}
