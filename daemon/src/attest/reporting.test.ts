import type { Change } from '@teapot-network/ledger'
import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { createReporter } from './reporting.ts'
import { activeNodes, factsWith, id, node, roundOf, vote } from './round.fixture.ts'
import { createRound, type RoundParts } from './round.ts'

test('a crowd that joins at once goes to the ledger in parts, whoever has a standing to lose first', async () => {
  const crowd = Array.from({ length: 120 }, (_, i) => node(100 + i, 'pending'))
  const ledger = roundOf({
    ...factsWith(...crowd, ...activeNodes(3), node(900, 'active')),
    epoch: { number: 3, seed: id(5), openedAt: 0 },
  })
  const votes = [1, 2, 3].flatMap((voter) => crowd.map(({ id: of }) => vote(voter, Number(of), 'affirm')))
  votes.push(vote(1, 900, 'mismatch'), vote(2, 900, 'mismatch'))
  const sent: { functionName: string; changes: Change[] }[] = []
  const parts: Partial<RoundParts> = {
    ...{ self: id(1), clock: systemClock, graceSeconds: 0, keep: async () => {} },
    attestation: `0x${'aa'.repeat(20)}` as const,
    writer: {
      async send({ functionName, args }: { functionName: string; args: readonly unknown[] }) {
        sent.push({ functionName, changes: args.at(-1) as Change[] })
      },
    } as never,
    log: { warn: () => {}, info: () => {} } as never,
  }
  const reporter = createReporter(parts as RoundParts, {
    gather: () => new Promise(() => {}),
    gatherSoon: async () => {},
    counted: async () => votes,
  })
  const round = createRound(ledger, id(1), votes.slice(0, 1))
  await reporter.close(round)
  await reporter.bringLeftOut(round, votes, createRound(ledger, id(1), []))

  const [closing, ...reports] = sent
  expect(closing!.functionName).toBe('closeEpoch')
  expect(closing!.changes.map((change) => change.node)).toContain(id(900))
  expect(reports.map(({ functionName }) => functionName)).toEqual(['report', 'report', 'report'])
  expect(Math.max(...sent.map(({ changes }) => changes.length))).toBeLessThanOrEqual(48)
  expect(new Set(reports.flatMap(({ changes }) => changes.map((change) => change.node))).size).toBe(121)
  for (const { changes } of sent) {
    const nodes = changes.map((change) => change.node)
    expect(nodes).toEqual(nodes.toSorted())
  }
})
