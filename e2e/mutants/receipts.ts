import { mutantsOf } from './mutant.ts'

const OVER_HTTP = { tests: ['daemon/src/serve/log-request.test.ts'] }
const WITNESSED = { tests: ['daemon/src/receipts/newest-witnessed.test.ts'] }
const WITNESS = { tests: ['sdk/src/witness.test.ts'] }
const TILES = { tests: ['sdk/src/tiles.test.ts'] }

/** What keeps a log from forgetting, and lets others hold it to what it said. */
export const RECEIPTS = [
  ...mutantsOf('daemon/src/receipts/receipt-log.ts', OVER_HTTP, [
    'a receipt is under a checkpoint of exactly the size asked for',
    'if (batch?.header.size === size) return batch',
    'if (batch) return batch',
  ]),
  ...mutantsOf('daemon/src/receipts/log-store.ts', { tests: ['daemon/src/receipts/recovery.test.ts'] }, [
    'the number of a checkpoint that was cut off is never used again',
    'found.sequence + (found.torn ? 1 : 0)',
    'found.sequence',
  ]),
  ...mutantsOf(
    'daemon/src/receipts/lock.ts',
    { tests: ['daemon/src/receipts/lock.test.ts'] },
    ['a lock that another process took over first is left to it', 'if (moved !== stale)', 'if (false)'],
    ['a lock that another process replaced is not ours', 'if (found !== own)', 'if (false)'],
  ),
  ...mutantsOf('daemon/src/receipts/numbered-log.ts', WITNESSED, [
    'what peers hold of a log closes it when it is older',
    '[readQuoted(quotedFile), ...(options.known ?? [])]',
    '[readQuoted(quotedFile)]',
  ]),
  ...mutantsOf(
    'daemon/src/receipts/newest-witnessed.ts',
    WITNESSED,
    ['only what this AK signed is witnessed', 'holds ? evidence.checkpoint : undefined', 'evidence.checkpoint'],
    [
      'the witnessed checkpoint is the quoted one',
      ' || toHex(parseAttest(attest).extraData) !== qualifyingData(evidence)',
      '',
    ],
  ),
  ...mutantsOf(
    'sdk/src/tiles.ts',
    TILES,
    [
      "tiles lead to the checkpoint's root",
      'if (verifyInclusion(index, tree.size, leaf, path, fromHex(tree.root))) return path',
      'return path',
    ],
    [
      'tiles show one tree to be a prefix of the other',
      'if (verifyConsistency(from.size, fromHex(from.root), to.size, fromHex(to.root), path)) return path',
      'return path',
    ],
  ),
  ...mutantsOf('sdk/src/node/mirror.ts', TILES, [
    'a mirror takes only tiles that lead to the hash above',
    'if (!leads) throw',
    'if (!tile) throw',
  ]),
  ...mutantsOf(
    'sdk/src/witness.ts',
    WITNESS,
    ['two checkpoints of one number are equivocation', 'before.root === root && ', ''],
    [
      'a log goes on from what was seen of it',
      'if (isChained && verifyConsistency(',
      'if (isChained || verifyConsistency(',
    ],
  ),
]
