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
    ['keys that are not known are learnt', 'if (keysOf(node.id).length === 0)', 'if (false)'],
  ),
  ...mutantsOf('daemon/src/lattice/lattice.ts', { tests: ['daemon/src/lattice/lattice.test.ts'] }, [
    'a connection for attestation alone ends with the answer',
    'if (link.waiting.size > 0 || keeps(link.peerKey)) return',
    'if (link.waiting.size >= 0) return',
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
    ['what must not run twice does not', 'options.idempotent === false && mayHaveRun(failure)', 'false'],
  ),
]
