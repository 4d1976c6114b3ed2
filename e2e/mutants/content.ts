import { mutantsOf } from './mutant.ts'

const HASH_CHECK = 'cid.multihash.code === SHA2_256 && Buffer.compare(sha256(bytes), cid.multihash.digest) === 0'

/** What keeps bytes what their CID says. */
export const CONTENT = [
  ...mutantsOf('content/src/cid.ts', { tests: ['content/src/block-store.test.ts'] }, [
    'a stored block hashes to its CID',
    HASH_CHECK,
    'true',
  ]),
  ...mutantsOf(
    'content/src/cid.ts',
    { tests: ['content/src/fetch-dag.test.ts'], title: 'bytes that do not hash to the CID are refused' },
    ['a fetched block hashes to its CID', HASH_CHECK, 'true'],
  ),
  ...mutantsOf(
    'content/src/swarm.ts',
    { tests: ['content/src/content-node.test.ts'], title: 'strangers give way to one another' },
    ['a member keeps its connection', '!isMember(remotePeer.toString())', 'remotePeer !== undefined'],
    ['strangers do not take all room', 'newestFirst.slice(maxStrangers)', 'newestFirst.slice(300)'],
  ),
  ...mutantsOf(
    'content/src/swarm.ts',
    { tests: ['content/src/content-node.test.ts'], title: 'denied while it connects' },
    [
      'whoever is denied while it connects is cut off',
      'if (deny(connection.direction)(connection.remotePeer))',
      'if (!connection)',
    ],
  ),
  ...mutantsOf('content/src/file-content.ts', { tests: ['content/src/file-content.test.ts'] }, [
    'a part of a file holds what the block above it says',
    'if (found !== claimed)',
    'if (false)',
  ]),
]
