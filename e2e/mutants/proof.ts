import { mutantsOf } from './mutant.ts'

const VERIFY = { tests: ['trust/src/proof/verify.test.ts'], title: 'a proof is refused' }

/** What makes a proof of trust one. */
export const PROOF = [
  ...mutantsOf(
    'trust/src/proof/verify.ts',
    VERIFY,
    ["the run's key signed the checkpoint", 'that holds this result`, holds, {', 'that holds this result`, true, {'],
    ['the evidence is the one cited', 'claims.evidence === digest', 'true'],
    ['claims and checkpoint are of the quoted run', 'claims.run === run && checkpoint.run === run', 'true'],
    ['claims, log and evidence are of one node', 'nodes.size === 1', 'true'],
    ['the result came after the quote', "in the quoted log', after, {", "in the quoted log', true, {"],
    [
      'the actor was measured before',
      "these capabilities before', measured !== undefined, {",
      "these capabilities before', true, {",
    ],
    ['the actor is not revoked', "entry !== undefined && entry.status !== 'revoked'", 'true'],
    ['no more assurance is claimed than the evidence is worth', '!exceeds, {', 'true, {'],
    ['the proof answers this request', 'same && claims.request === requestDigest(request)', 'same'],
    ['the proof is of this response', 'same && claims.response === responseDigest(response)', 'same'],
  ),
  ...mutantsOf('trust/src/proof/verify.ts', { ...VERIFY, title: 'is only a warning' }, [
    'facts taken on trust are only a warning',
    'const trusted = expected.facts === undefined',
    'const trusted = false',
  ]),
  ...mutantsOf(
    'trust/src/proof/check-facts.ts',
    VERIFY,
    [
      "the bundle's network is the caller's",
      'relied.chainId === own.chainId && relied.registry === own.registry',
      'true',
    ],
    ["the bundle's seed is the ledger's", 'theirs.number === ours.number && theirs.seed === ours.seed', 'true'],
  ),
  ...mutantsOf('trust/src/proof/claims.ts', { tests: ['trust/src/proof/formats.test.ts'] }, [
    'the leaf is salted',
    'sha256(concatBytes(salt, claims))',
    'sha256(claims)',
  ]),
  ...mutantsOf(
    'trust/src/proof/merkle.ts',
    { tests: ['trust/src/proof/merkle.test.ts'] },
    [
      'inclusion leads to the root',
      'return equalBytes(rootFromInclusion(index, size, leaf, path), root)',
      'return rootFromInclusion(index, size, leaf, path).length > 0',
    ],
    [
      'a tree was a prefix of the later one',
      'equalBytes(before, root) && equalBytes(after, newRoot)',
      'equalBytes(after, newRoot)',
    ],
    [
      'a leaf is hashed unlike an inner node',
      'sha256(concatBytes(Uint8Array.of(0), entry))',
      'sha256(concatBytes(Uint8Array.of(1), entry))',
    ],
  ),
]
