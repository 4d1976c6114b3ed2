import { mutantsOf } from './mutant.ts'

/** What keeps a node that is no longer trusted from its peers and its clients. */
export const ISOLATION = [
  ...mutantsOf(
    'daemon/src/lattice/isolation.ts',
    { tests: ['daemon/src/lattice/isolation.test.ts'] },
    ['a suspect node is shut out', "status === 'suspect' || ", ''],
    ['an inactive node is shut out', " || status === 'inactive'", ''],
    ['a quarantined node is not dialled under its old keys', 'new Set(old.map(peerIdText))', 'new Set()'],
    ['who is shut out may not connect', 'new Set([...shut].map(peerIdText))', 'new Set(old.map(peerIdText))'],
    ['who is shut out loses its connections', 'cut.map((key) => lattice().cut(key))', '[]'],
    ['keys that are not known are learnt', 'void learn(node, facts)', 'void Promise.resolve()'],
    ['who did not answer is asked again', '|| (once && asked.has(node.id))', '|| asked.has(node.id)'],
  ),
  ...mutantsOf(
    'daemon/src/lattice/lattice.ts',
    { tests: ['daemon/src/lattice/lattice.test.ts'] },
    [
      'a connection for attestation alone ends with the answer',
      'if (link.waiting.size > 0 || keeps(link.peerKey)) return',
      'if (link.waiting.size >= 0) return',
    ],
    [
      'the codes of this node are not a peer’s to choose',
      "TeapotError('lattice/refused',",
      'TeapotError(String(said.code),',
    ],
    ['a peer has few requests under way', 'if (underWay > REQUESTS_AT_ONCE) throw busy()', ''],
    ['what is scarce is not queued up for', 'if (underWay >= most) throw busy()', ''],
    ['a request is small', '  }, REQUEST_SIZE_LIMIT_BYTES)', '  })'],
    ['no socket of this machine is opened', 'if (!ADDRESS.test(address))', 'if (false)'],
    ['a connection without the protocol is closed', 'connection.abort(error)', ''],
  ),
  ...mutantsOf('daemon/src/lattice/frames.ts', { tests: ['daemon/src/lattice/frames.test.ts'] }, [
    'tiny pieces are not copied again and again',
    'Math.max(2 * end, end + piece.length)',
    'end + piece.length',
  ]),
  ...mutantsOf(
    'daemon/src/serve/standing-gate.ts',
    { tests: ['daemon/src/serve/standing-gate.test.ts'] },
    ['a node that is shut out takes no call', 'if (refused !== undefined) done(refused)', 'if (false) done(refused!)'],
    [
      'an answer in flight is kept back',
      "refusal('serve/left-service', 'Cannot vouch for the answer') ?? answer",
      'answer',
    ],
  ),
  ...mutantsOf(
    'sdk/src/client.ts',
    { tests: ['sdk/src/client.test.ts'] },
    [
      'a client leaves a node in the block that says so',
      'const active = activeNodes(await parts.facts.read(0, signal))',
      'const active = activeNodes(await parts.facts.read(maxAgeMs, signal))',
    ],
    [
      'what was sent and refused in the clear may have run all the same',
      'return !(failure instanceof EvidenceRefused) && !NOT_RUN',
      "return failure.kind === 'unavailable' && !NOT_RUN",
    ],
    ['what must not run twice does not', 'options.idempotent === false && mayHaveRun(failure, isAnswered)', 'false'],
  ),
]
