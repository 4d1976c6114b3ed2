import { mutantsOf } from './mutant.ts'

/** What a client checks before it sends, and when an answer comes. */
export const CLIENT = [
  ...mutantsOf(
    'sdk/src/attest.ts',
    { tests: ['sdk/src/attest.test.ts'] },
    ['the client insists on the node that it dialled', '{ node: node.id, nonce }', '{ nonce }'],
    [
      'an older epoch counts only on this chain',
      'then.block.hash === hash && then.epoch.number === epoch',
      'then.epoch.number === epoch',
    ],
    ['the policy has the digest that the ledger names', 'if (found !== entry.sha256)', 'if (false)'],
  ),
  ...mutantsOf('sdk/src/nodes.ts', { tests: ['sdk/src/nodes.test.ts'] }, [
    'only Active nodes are called',
    "if (record.status !== 'active') continue",
    '',
  ]),
]
