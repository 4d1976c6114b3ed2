import { readFileSync } from 'node:fs'
import { contributors, type LedgerCall, LedgerRevert, type Round, seedCommitment } from '@teapot-network/ledger'
import type { NodeId } from '@teapot-network/trust'
import { beforeEach, expect, test } from 'vitest'
import { type Beacon, openBeacon } from './beacon.ts'
import { activeNodes, factsWith, freshFolder, id, roundOf } from './round.fixture.ts'

type Sent = Pick<LedgerCall<'attestation', 'commit' | 'reveal'>, 'functionName' | 'args'>

const file = freshFolder()
let path: string
let sent: Sent[]
/** What was on disk when a call left. */
let notes: string[]
let refuse: Error | undefined
const self = id(1)
const lines: string[] = []
const line = (message: string) => void lines.push(message)

beforeEach(() => {
  path = file('seed.json')
  ;[sent, notes, refuse] = [[], [], undefined]
})

function open(): Promise<Beacon> {
  const send = async (call: unknown) => {
    sent.push(call as Sent)
    notes.push(readFileSync(path, 'utf8'))
    if (refuse) throw refuse
  }
  return openBeacon({ self, path, writer: { send: send as never }, log: { info: line, warn: line, error: line } })
}

/** Epoch 3 or 4 of three nodes, all of whom contribute to every seed. */
function ledger(epoch: number, committed: number[] = [], revealed: NodeId[] = []): Round {
  const facts = factsWith(...activeNodes(3))
  const all = facts.nodes.map((one) => one.id)
  const beacon = [epoch + 1, epoch + 2].map((of) => {
    return { epoch: of, contributors: all, committed: committed.includes(of) ? [self as NodeId] : [], revealed }
  })
  return { ...roundOf({ ...facts, epoch: { ...facts.epoch, number: epoch } }), frozenCount: 3, beacon }
}

test('a contributor commits once to a secret that is already on disk, and reveals it in the next epoch', async () => {
  expect(contributors(ledger(3), 5)).toContain(self)
  const beacon = await open()
  await Promise.all([beacon.advance(ledger(3)), beacon.advance(ledger(3))])
  const [[epoch, secret]] = JSON.parse(notes[0]!)
  expect(epoch).toBe(5)
  const commit = { contract: 'attestation', functionName: 'commit', args: [5, seedCommitment(5, self, secret)] }
  expect(sent).toEqual([commit])
  await beacon.advance(ledger(4, [5, 6]))
  expect(sent[1]).toMatchObject({ functionName: 'reveal', args: [5, secret] })
  await beacon.advance(ledger(4, [5, 6], [self]))
  expect(sent).toHaveLength(2)
})

test('a restart between the two forgets nothing, and a second commitment is the same', async () => {
  await (await open()).advance(ledger(3))
  const again = await open()
  await again.advance(ledger(3))
  expect(sent[1]).toEqual(sent[0])
  await again.advance(ledger(4, [5, 6]))
  const [, secret] = JSON.parse(notes[0]!)[0]
  expect(sent[2]).toMatchObject({ functionName: 'reveal', args: [5, secret] })
})

test('what could not be sent is sent with the next block; what was refused is not', async () => {
  const beacon = await open()
  refuse = new Error('nobody answers')
  await expect(beacon.advance(ledger(3))).rejects.toThrow('nobody answers')
  refuse = new LedgerRevert('commit', 'WrongEpoch', [], {})
  await beacon.advance(ledger(3))
  await beacon.advance(ledger(3))
  expect(sent).toHaveLength(2)
})

test('a lost secret is told of', async () => {
  await (await open()).advance(ledger(4, [5, 6]))
  expect([sent, lines.at(-1)]).toEqual([[], expect.stringContaining('lost')])
})
