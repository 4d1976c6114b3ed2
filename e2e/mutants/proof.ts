import { mutantsOf } from './mutant.ts'

const VECTORS = { tests: ['trust/src/proof/vectors.test.ts'] }
const REFUSED = { tests: ['trust/src/proof/refused.test.ts'] }

/** What makes a proof of trust one. */
export const PROOF = [
  ...mutantsOf(
    'trust/src/proof/check-links.ts',
    REFUSED,
    [
      "the run's key signed the checkpoint",
      'await verifyCheckpoint(checkpoint, fromHex(evidence.keys.receipt)),',
      'true,',
    ],
    ['the evidence is the one cited', 'claims.evidence === digest', 'true'],
    ['claims and checkpoint are of the quoted run', 'claims.run === keys && run === keys', 'true'],
    ['claims, log and evidence are of one node', 'nodes.size === 1', 'true'],
    ['the actor was measured before', 'measured !== undefined,', 'true,'],
  ),
  ...mutantsOf('trust/src/proof/check-standing.ts', REFUSED, [
    'a pending node makes no result that counts',
    "['pending', 'inactive',",
    "['inactive',",
  ]),
  ...mutantsOf(
    'trust/src/proof/check-links.ts',
    VECTORS,
    [
      'the result came after the quote',
      'receipt.index >= quoted.size && sequence > quoted.sequence && log === quoted.log',
      'true',
    ],
    ['the actor is not revoked', "entry !== undefined && entry.status !== 'revoked'", 'true'],
    ['no more assurance is claimed than the evidence is worth', 'title, !exceeds,', 'title, true,'],
  ),
  ...mutantsOf(
    'trust/src/proof/check-call.ts',
    VECTORS,
    ['the proof answers this request', ' && claims.request === asked', ''],
    ['the proof is of this response', 'claims.outcome === response?.outcome && claims.response === answered', 'true'],
  ),
  ...mutantsOf(
    'trust/src/proof/check-standing.ts',
    VECTORS,
    ['a confirmation is of the same boot', 'now.boot === then.boot && ', ''],
    [
      'a confirmation extends the event log',
      'equalBytes(later.log.subarray(0, evidence.log.length), evidence.log)',
      'true',
    ],
    ['a confirmation covers the result', 'size > receipt.index && ', ''],
    [
      'the receipt leads to the anchored checkpoint',
      'verifyConsistency(checkpoint.size, fromHex(checkpoint.root), quoted.size, fromHex(quoted.root), consistency)',
      'true',
    ],
    ['the anchor is of the epoch on the ledger', 'record?.root === root &&', 'record &&'],
    [
      'a node out of service makes no result that counts',
      'if (!OUT_OF_SERVICE.includes(node.status)) return',
      'if (node) return',
    ],
    [
      'only an anchor from before shows that a result is',
      'if (anchoredBefore < node.statusSince) return',
      'if (node) return',
    ],
  ),
  ...mutantsOf(
    'trust/src/proof/verify.ts',
    VECTORS,
    ['facts taken on trust are only a warning', '    !facts &&\n', '    false &&\n'],
    ['children are those that the claims name', 'named.join() === judged.map(({ leaf }) => leaf).join()', 'true'],
    ['a result is no better than those that it rests on', 'if (!weakest || rank(weakest) >= rank(own))', 'if (own)'],
  ),
  ...mutantsOf(
    'trust/src/proof/check-facts.ts',
    REFUSED,
    [
      "the bundle's network is the caller's",
      'relied.chainId === own.chainId && relied.registry === own.registry',
      'true',
    ],
    ["a bundle's block is of its time", '(number - block.number) * (timestamp - block.timestamp) >= 0', 'true'],
    ["a bundle's epoch opened when the one before closed", 'opened.timestamp === epoch.openedAt', 'true'],
    ["a bundle's block is not before its epoch", 'opened.number <= block.number', 'true'],
    ["a bundle's block is not after its epoch", 'record.closedAt.number > block.number', 'true'],
    ["a bundle's seed is that of the closed epoch", 'record.seed === epoch.seed', 'true'],
    ["the bundle's seed is the ledger's", 'epoch.number === ours.number && epoch.seed === ours.seed', 'true'],
  ),
  ...mutantsOf('trust/src/proof/claims.ts', { tests: ['trust/src/proof/formats.test.ts'] }, [
    'the leaf is salted',
    'sha256(concatBytes(salt, claims))',
    'sha256(claims)',
  ]),
  ...mutantsOf(
    'trust/src/proof/merkle.ts',
    { tests: ['trust/src/proof/merkle.test.ts'] },
    ['inclusion leads to the root', 'found !== undefined && equalBytes(found, root)', 'found !== undefined'],
    ['an inclusion path ends at the root', 'return fits ? hash : undefined', 'return hash'],
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
