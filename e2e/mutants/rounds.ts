import { mutantsOf } from './mutant.ts'

const attest = (name: string) => `daemon/src/attest/${name}`
const testedBy = (name: string) => ({ tests: [attest(`${name}.test.ts`)] })
const SIMULATION = { tests: ['e2e/sim/rounds.test.ts'] }

/** What keeps a cartel, a silent cheat and a hasty reporter from bending the rounds. */
export const ROUNDS = [
  ...mutantsOf(
    attest('durable-json.ts'),
    testedBy('vote-book'),
    ['a vote is on disk before it is shown', 'return saved', 'return Promise.resolve()'],
    [
      'notes that cannot be read are not begun anew',
      "if ((cause as NodeJS.ErrnoException).code === 'ENOENT')",
      'if (true)',
    ],
  ),
  ...mutantsOf(attest('vote-book.ts'), testedBy('vote-book'), [
    'votes are of one network',
    'book.value.attestation === attestation && ',
    '',
  ]),
  ...mutantsOf(
    attest('promises.ts'),
    testedBy('promises'),
    ['a promise that is broken is noticed', 'until < ledger.facts.epoch.openedAt', 'false'],
    ['nobody promises for longer than all do', 'Math.min(freshUntil, latest(ledger))', 'freshUntil'],
  ),
  ...mutantsOf(
    attest('beacon.ts'),
    testedBy('beacon'),
    ['a secret is on disk before its commitment leaves', 'await secrets.save', 'void secrets.save'],
    ['a restart commits to the same secret', 'secretOf(epoch) ?? ', ''],
  ),
  ...mutantsOf(
    attest('peer-verifier.ts'),
    testedBy('peer-verifier'),
    ['nothing is held against a node on memory', "if (verdict.outcome !== 'affirm' && memory)", 'if (false)'],
    ['the rest of a log begins where memory ends', 'if (size !== log.bytes.length)', 'if (false)'],
  ),
  ...mutantsOf(
    attest('gathering.ts'),
    testedBy('gathering'),
    ['a ballot is its voter’s', 'if (!(await verifyBallot(', 'if (false && !(await verifyBallot('],
    ['a vote is its voter’s', 'if (await verifyVote(', 'if (true || await verifyVote('],
    ['evidence that is voted on can be had', 'if (!problem) return [vote]', 'return [vote]'],
    ['evidence shows what the vote says', 'shown === vote.quote ?', 'true ?'],
  ),
  ...mutantsOf(
    attest('tally.ts'),
    testedBy('tally'),
    ['only the assigned vote', 'voter !== node && voters.includes(voter)', 'voter !== node'],
    [
      'two thirds are needed',
      '.filter((group) => group.votes.length >= votesNeeded(ledger, group.node))',
      '.filter((group) => group.votes.length > 0)',
    ],
  ),
  ...mutantsOf(attest('reporting.ts'), SIMULATION, [
    'what a report left out is brought',
    'if (leftOut().length === 0 ||',
    'if (true ||',
  ]),
  ...mutantsOf(attest('disputes.ts'), SIMULATION, ['a false vote is disputed', 'seen?.quote === quote &&', 'false &&']),
]
