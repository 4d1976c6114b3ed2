import { mutantsOf } from './mutant.ts'

const prepare = {
  // The optimizer takes most of the time, and no check away.
  script: 'ledger/scripts/generate.ts --unoptimized',
  writes: ['ledger/src/contracts.gen.ts', 'ledger/contracts/storage-layout.json'],
}

/** Each with the title of its test, as the file takes long. The compiler must have nothing to warn of, or it is not deployed. */
const ATTESTATION: [title: string, id: string, find: string, replace: string][] = [
  [
    'carry the signature of exactly this vote',
    'a vote on the ledger is signed by its voter',
    '!P256.verifyNative(digests[which], vote.r, vote.s, x, y)',
    '!P256.verifyNative(digests[which], vote.r, vote.s, x, y) && x == y',
  ],
  [
    'make a quorum at two thirds',
    'the ledger wants two thirds',
    'votes == 0 || 3 * votes < 2 * mayVote',
    'votes == 0 || 9 * votes < 2 * mayVote',
  ],
  [
    'are not cast by nodes that are not entitled',
    'a voter on the ledger is entitled',
    'if (!entitled || ',
    'if (!entitled && x == y || ',
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
    'if (boot == from.boot)',
    'if (boot < from.boot)',
  ],
  [
    'add up on a mismatch whatever evidence they name',
    'what a change says was seen is named by a vote',
    'if (unnamed != 0)',
    'if (unnamed == 7)',
  ],
  [
    'add up on a mismatch whatever evidence they name',
    'votes on different evidence add up for a mismatch alone',
    'change.outcome == Outcome.Mismatch && change.seenBy.length',
    'change.seenBy.length',
  ],
]

/** As above, each with its contract and test file. */
const OTHERS: [contract: string, test: string, title: string, id: string, find: string, replace: string][] = [
  [
    'Attestation',
    'randomness',
    'lets votes count from the assigned alone',
    'only votes of the assigned count',
    '!_among(drawn, vote.voter)',
    'vote.voter == change.node',
  ],
  [
    'Randomness',
    'randomness',
    'passes over who is not entitled',
    'who may be drawn was settled before the seed',
    'since < epoch',
    'since <= epoch',
  ],
  [
    'Randomness',
    'randomness',
    'takes only the secret',
    'a secret opens its commitment',
    'held != commitment | (epoch << 1)',
    'held != commitment | (epoch << 1) && held == 0',
  ],
  [
    'Randomness',
    'randomness',
    'holds the commitment instead',
    'a missed reveal costs',
    'if (held & 1 == 0) _punish',
    'if (held == 0) _punish',
  ],
  [
    'NodeRegistry',
    'bonds',
    'that fell below the least',
    'a node without its bond is not active',
    'if (!s.bonded) revert BondMissing(id)',
    'if (!s.bonded && s.status == status) revert BondMissing(id)',
  ],
  [
    'Attestation',
    'randomness',
    'hears those who could vote then',
    'who is admitted later has no say in what is closed',
    'entitledSince > epoch;',
    'entitledSince > epoch + 9;',
  ],
  [
    'Attestation',
    'randomness',
    'hears those who could vote then',
    'who is admitted later raises no quorum of what is closed',
    'return before < others ? before : others',
    'return before < others ? others : others',
  ],
  [
    'NodeRegistry',
    'convictions',
    'demotes nobody by the word',
    'who has no vote demotes nobody',
    'if (!_entitled(_records[liar].standing)) return;',
    'if (liar == id) return;',
  ],
  [
    'NodeRegistry',
    'disputes',
    'suspects no node by the quote of a boot before',
    'an old quote demotes nobody',
    ' || boot < s.boot',
    '',
  ],
  [
    'NodeRegistry',
    'convictions',
    'makes nobody Active',
    'one liar undoes no quorum',
    'Status.Suspect : Status.Inactive',
    'Status.Suspect : Status.Active',
  ],
  [
    'samples/PayOnProof',
    'proof-verifier',
    'pays its bounty once',
    'a bounty goes to whose node it was',
    'revert WrongOperator()',
    'delete result',
  ],
  [
    'Bonds',
    'bonds',
    'comes back a week after retiring',
    'a bond is locked while its owner can be convicted',
    'until == 0 || block.timestamp < until',
    'until == 0',
  ],
  [
    'NodeRegistry',
    'convictions',
    'settles all that the voter said',
    'an offence is punished once',
    'epoch <= s.settledEpoch',
    'epoch < s.settledEpoch',
  ],
  [
    'Disputes',
    'disputed-quotes',
    'is what the vote names',
    'a dispute shows what the vote names',
    'if (shown != said.quote)',
    'if (shown == 0)',
  ],
  [
    'QuoteVerifier',
    'disputed-quotes',
    'is signed by the AK',
    'a disputed quote is by the AK of the node',
    '!isSignedBy(sha256(attest), r, s, x, y)',
    '!isSignedBy(sha256(attest), r, s, x, y) && x == y',
  ],
  [
    'QuoteVerifier',
    'disputed-quotes',
    'quotes R and C',
    'a disputed quote covers R and C',
    '(quote.selected >> PCR_R) & 3 == 3',
    '(quote.selected >> PCR_R) & 1 == 1',
  ],
  [
    'Disputes',
    'disputes',
    'decides nothing where the vote was right',
    'a mismatch is false only if all was approved before the epoch',
    'approved != 0 && approved < _attestation.openedBlockOf(said.epoch)',
    'approved != 0',
  ],
  [
    'NodeRegistry',
    'node-registry',
    'remembers at the end of which blocks',
    'the ledger remembers when a node was Active',
    'if (from > Status.Active && _turns',
    'if (from > Status.Suspect && _turns',
  ],
]

/** As above, of proofs on chain. */
const PROOFS = [
  [
    'qualifying data that does not open',
    'a run on the ledger is what the quote binds',
    '_qualifying(opened) != quote.extraData',
    '_qualifying(opened) == 0',
  ],
  [
    'an actor that was not measured',
    'an actor on the ledger stands in the quoted C',
    '!_among(quoted.cLog, EntryDigest.unwrap(actor))',
    '!_among(quoted.cLog, EntryDigest.unwrap(actor)) && quote.pcrDigest == 0',
  ],
  [
    'came after the quote',
    'a result on the ledger came after the quote',
    'proof.index >= proof.run.size && checkpoint',
    'checkpoint',
  ],
  [
    'is of the run that its claims',
    'a checkpoint on the ledger is signed by the run',
    '!QuoteVerifier.isSignedBy(signed, checkpoint.r, checkpoint.s, key.x, key.y)',
    '!QuoteVerifier.isSignedBy(signed, checkpoint.r, checkpoint.s, key.x, key.y) && key.x == key.y',
  ],
  ['falls with its actor', 'a revoked actor proves nothing', ' || status == ICodeRegistry.Status.Revoked', ''],
  ['falls with its runtime', 'a revoked runtime proves nothing', ' || status == IReferenceValues.Status.Revoked', ''],
  [
    'holds where the node was Active',
    'a node was Active when its result was anchored',
    'if (!registry.activeAt(said.node, anchoredBlock))',
    'if (anchoredBlock == 0)',
  ],
  ['once for each log', 'a forked log is punished once', 'if (_settled[node][a.key.log])', 'if (_settled[node][0])'],
].map(([title, ...check]) => ['ProofVerifier', 'proof-verifier', title, ...check] as (typeof OTHERS)[number])

/** As above, of what registers a node. */
const REGISTRATION = [
  ['an EK is the node that was Active with it', ' && !_claimsEk(id)', ' && false', 'gives an EK to the first'],
  [
    'who registers an AK has it',
    '!QuoteVerifier.isSignedBy(sha256(shown.attest), shown.akR, shown.akS, said.akX, said.akY)',
    '!QuoteVerifier.isSignedBy(sha256(shown.attest), shown.akR, shown.akS, said.akX, said.akY) && digest == 0',
  ],
  [
    'who registers a vote key has it',
    '!QuoteVerifier.isSignedBy(digest, shown.voteR, shown.voteS, said.voteKeyX, said.voteKeyY)',
    '!QuoteVerifier.isSignedBy(digest, shown.voteR, shown.voteS, said.voteKeyX, said.voteKeyY) && digest == 0',
  ],
  ['a quote registers what it was made for', 'quote.extraData != digest || ', ''],
  ['a quote that registers is no evidence', ' || QuoteVerifier.tellsOfRuntime(quote)', ''],
  ['a registration is of its operator', 'address(this), msg.sender)', 'address(this), address(this))'],
].map(([id, find, replace, title = 'refuses whoever saw a registration']) => {
  return ['NodeRegistry', 'node-registry', title, id, find, replace] as (typeof OTHERS)[number]
})

/** What the contracts and their client refuse. */
export const LEDGER = [
  ...ATTESTATION.flatMap(([title, ...check]) =>
    mutantsOf(
      'ledger/contracts/Attestation.sol',
      { tests: ['ledger/contracts/attestation.test.ts'], title, prepare },
      check,
    ),
  ),
  ...[...OTHERS, ...PROOFS, ...REGISTRATION].flatMap(([contract, test, title, ...check]) =>
    mutantsOf(
      `ledger/contracts/${contract}.sol`,
      { tests: [`ledger/contracts/${test}.test.ts`], title, prepare },
      check,
    ),
  ),
  ...mutantsOf('ledger/contracts/CodeRegistry.sol', { tests: ['ledger/contracts/code-registry.test.ts'], prepare }, [
    'a name belongs to its first publisher',
    'if (name.publisher != msg.sender)',
    'if (false)',
  ]),
  ...mutantsOf(
    'ledger/contracts/Claims.sol',
    { tests: ['ledger/contracts/proof-verifier.test.ts'], title: 'claims with more', prepare },
    ['claims on the ledger are nothing but claims', 'whole := eq(next,', 'whole := lt(claims.offset,'],
  ),
  ...mutantsOf(
    'ledger/contracts/MerkleTree.sol',
    { tests: ['ledger/contracts/proof-verifier.test.ts'], title: 'finds its leaf wherever it stands', prepare },
    ['a path on the ledger leads to the root', 'fits && hash == root', 'fits && hash != 0'],
  ),
  ...mutantsOf(
    'ledger/src/endpoints.ts',
    { tests: ['ledger/src/ledger.test.ts'], title: 'refuse an answer on which they disagree' },
    ['endpoints have to agree', 'if (found.size === 1) return all[0]', 'return all[0]'],
  ),
]
