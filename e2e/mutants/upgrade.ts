import { mutantsOf } from './mutant.ts'

const UPGRADING = { tests: ['sdk/src/upgrade.test.ts'] }

/** What is held against what, when a proof is upgraded; and that each client is a witness. */
export const UPGRADE = [
  ...mutantsOf(
    'sdk/src/epoch-leaves.ts',
    UPGRADING,
    ["an epoch's leaves lead to its root on the ledger", 'if (found !== root) shape', 'if (false) shape'],
    ['a block is what its digest says, whoever serves it', 'if (digestOf(bytes) === digest) return', 'return'],
  ),
  ...mutantsOf(
    'sdk/src/upgrade.ts',
    UPGRADING,
    [
      'a receipt issued anew is of the same leaf and the quoted tree',
      'if (!same || made.size !== quoted.size || made.root !== quoted.root) return undefined',
      '',
    ],
    [
      'a proof makes nobody ask for more epochs than it may name',
      'if (bundles.length > 1 + MAX_CHILDREN) return []',
      '',
    ],
    ['only evidence of the same boot confirms', 'if (other !== boot)', 'if (false)'],
    ['only evidence that holds confirms', 'if (verdict.standing.confirmed) return', 'return'],
  ),
  ...mutantsOf('sdk/src/call.ts', { tests: ['sdk/src/call.test.ts'] }, [
    'a result is refused whose checkpoint does not extend what was seen',
    'await witness.see(checkpoint, cited.bytes, nodeConsistency(log))',
    '',
  ]),
]
