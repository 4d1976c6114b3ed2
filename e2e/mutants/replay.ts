import { mutantsOf } from './mutant.ts'

const ACTOR_CALLS = ['host/src/actor-calls.test.ts']
const REPLAY = ['cli/src/commands/proof/replay.test.ts']
const COMPARE = 'cli/src/replay/compare.ts'

/** What ties a result to the calls that it came of, and a replay to what was claimed. */
export const REPLAYED = [
  ...mutantsOf(
    'host/src/capability-calls.ts',
    { tests: ACTOR_CALLS },
    [
      'failures of an actor that was called are told',
      'if (error instanceof HostError && release !== undefined && calls !== undefined)',
      'if (false)',
    ],
    [
      'what comes of one call is bounded',
      'if (call.tree.calls <= actorCalls && call.tree.bytes <= actorCallBytes) return call.tree',
      'if (call.tree) return call.tree',
    ],
  ),
  ...mutantsOf(
    'daemon/src/serve/log-receipts.ts',
    { tests: ['daemon/src/serve/box.test.ts'], title: 'calls another' },
    ['claims name the results of the calls that the actor made', 'if (below.length > 0)', 'if (below.length > 1)'],
  ),
  ...mutantsOf(
    COMPARE,
    { tests: REPLAY, title: 'runs nothing, and disputes nothing' },
    ['a replay runs the code that the claims name', 'actor.sha256, digestOf(code)', 'actor.sha256, actor.sha256'],
    ['a proof that does not hold is no dispute', "holds ? 'a proof' : `${tier}: ${summary}`", "'a proof'"],
  ),
  ...mutantsOf(COMPARE, { tests: REPLAY, title: 'to a dispute' }, [
    'a replay compares the result',
    'const found = responseDigest(again)',
    'const found = claims.response',
  ]),
  ...mutantsOf(COMPARE, { tests: REPLAY, title: 'holds the answers of other actors' }, [
    'a replay holds answers against the proofs of the others',
    'return at < 0',
    'return false',
  ]),
]
