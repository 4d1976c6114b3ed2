import { LedgerRevert } from '@teapot-network/ledger'
import type { NodeId } from '@teapot-network/trust'
import { expect, test } from 'vitest'
import { createDisputes } from './disputes.ts'
import { activeNodes, factsWith, id, roundOf, SWTPM, vote } from './round.fixture.ts'
import { addVote, createRound, type RoundParts } from './round.ts'

/** Node 1 finds a mismatch in evidence of node 2 that 3 to 6 affirm, two of them naming another boot. @returns against whom it brings that, in each of two epochs */
async function accuse(answer: (voter: NodeId) => unknown): Promise<NodeId[][]> {
  const ledger = roundOf(factsWith(...activeNodes(6)))
  const [past, now] = [createRound(ledger, id(1), []), createRound(ledger, id(1), [])]
  const seen = {
    node: id(2),
    quote: vote(1, 2, 'affirm').quote,
    verdict: { outcome: 'mismatch' },
    bytes: SWTPM.evidence,
  }
  past.appraised.set(vote(1, 2, 'affirm').evidence, seen as never)
  for (const voter of [3, 4, 5, 6]) addVote(past, vote(voter, 2, 'affirm', voter < 5 ? 1 : 2))
  const accused: NodeId[] = []
  const send = async ({ args }: { args: readonly unknown[] }) => {
    const { voter } = args[1] as { voter: NodeId }
    accused.push(voter)
    return answer(voter)
  }
  const parts = { self: id(1), attestation: facts.registry, writer: { send }, log: { warn: () => {} } }
  const file = createDisputes({ ...parts, clock: { sleep: async () => {} } } as unknown as RoundParts)
  const brought: NodeId[][] = []
  for (let epoch = 0; epoch < 2; epoch++) {
    await file(past, now)
    brought.push(accused.splice(0))
  }
  return brought
}
const { facts } = roundOf(factsWith())
const refuse = (name?: string) => () => {
  throw new LedgerRevert('dispute', name, [], {})
}

test('what the ledger finds to prove nothing is not brought against others who said the same, nor again', async () => {
  expect(await accuse(refuse('Undecided'))).toEqual([[id(3), id(5)], []])
})

test('each who voted falsely is accused, once', async () => {
  expect(await accuse(() => {})).toEqual([[id(3), id(4), id(5), id(6)], []])
  expect(await accuse(refuse('WrongVote'))).toEqual([[id(3), id(4), id(5), id(6)], []])
})

test('what was refused without a reason is brought again', async () => {
  expect(await accuse(refuse())).toEqual([[3, 4, 5, 6].map(id), [3, 4, 5, 6].map(id)])
})
