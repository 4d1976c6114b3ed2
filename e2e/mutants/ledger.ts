import { mutantsOf } from './mutant.ts'

const prepare = {
  script: 'ledger/scripts/generate.ts',
  writes: ['ledger/src/contracts.gen.ts', 'ledger/contracts/storage-layout.json'],
}

/** Each with the title of its test, as the file takes long. The compiler must have nothing to warn of, or it is not deployed. */
const ATTESTATION: [title: string, id: string, find: string, replace: string][] = [
  [
    'carry the signature of exactly this vote',
    'a vote on the ledger is signed by its voter',
    '!P256.verifyNative(digest, vote.r, vote.s, x, y)',
    '!P256.verifyNative(digest, vote.r, vote.s, x, y) && x == y',
  ],
  [
    'make a quorum at two thirds',
    'the ledger wants two thirds',
    'votes == 0 || 3 * votes < 2 * entitledOthers',
    'votes == 0 || 9 * votes < 2 * entitledOthers',
  ],
  [
    'are not cast by nodes that are not entitled',
    'a voter on the ledger is entitled',
    'if (!entitled) revert VoterNotEntitled',
    'if (!entitled && x == y) revert VoterNotEntitled',
  ],
  [
    'stand in ascending order, each voter once',
    'a voter counts once on the ledger',
    'if (NodeId.unwrap(vote.voter) <= last)',
    'if (NodeId.unwrap(vote.voter) < last)',
  ],
  [
    'take a node through quarantine and back',
    'quarantine ends only in another boot',
    'if (change.boot == from.quarantinedBoot)',
    'if (change.boot < from.quarantinedBoot)',
  ],
]

/** What the contracts and their client refuse. */
export const LEDGER = [
  ...ATTESTATION.flatMap(([title, ...check]) =>
    mutantsOf(
      'ledger/contracts/Attestation.sol',
      { tests: ['ledger/contracts/attestation.test.ts'], title, prepare },
      check,
    ),
  ),
  ...mutantsOf('ledger/contracts/NodeRegistry.sol', { tests: ['ledger/contracts/node-registry.test.ts'], prepare }, [
    'an EK registers once',
    'if (_ekTaken[ekDigest])',
    'if (false)',
  ]),
  ...mutantsOf('ledger/contracts/CodeRegistry.sol', { tests: ['ledger/contracts/code-registry.test.ts'], prepare }, [
    'a name belongs to its first publisher',
    'if (name.publisher != msg.sender)',
    'if (false)',
  ]),
  ...mutantsOf(
    'ledger/src/ledger.ts',
    { tests: ['ledger/src/ledger.test.ts'], title: 'refuse an answer on which they disagree' },
    ['endpoints have to agree', 'if (found.size === 1) return all[0]', 'return all[0]'],
  ),
]
