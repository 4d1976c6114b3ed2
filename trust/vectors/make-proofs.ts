/**
 * Makes spec/vectors: proofs that hold, and their malformed twins. Run `node trust/vectors/make-proofs.ts`.
 * The keys are always the same, the signatures never.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { responseDigest } from '../src/call.ts'
import { encodeBundle, encodeClaims, encodeLogRecord, encodeReceipt } from '../src/encode.ts'
import {
  type CborValue,
  concatBytes,
  type Digest,
  decodeCbor,
  type EpochRecord,
  encodeCbor,
  leafInput,
  type NodeStatus,
  type ProofBundle,
  parseBundle,
  parseEventLog,
  parseReceipt,
  sha256,
  type Tier,
  toHex,
  utf8,
} from '../src/index.ts'
import { makeSampleProof, REQUEST, RESPONSE, SALT } from '../src/proof/sample-proof.fixture.ts'

const FOLDER = fileURLToPath(new URL('../../spec/vectors/', import.meta.url))
const other = sha256(utf8('other'))
const sample = await makeSampleProof()
const { bundle, claims, ledger } = sample
const CALL = { request: REQUEST, response: RESPONSE }
const FAILURE = { outcome: 'actor/refused', payload: utf8('not today') }

/** The bundle with one value changed, or left out, deep inside. */
function vary(bytes: Uint8Array, path: (string | number)[], value: CborValue | undefined): Uint8Array {
  const root = decodeCbor(bytes)
  let at = root as Map<string | number, CborValue>
  const last = path.at(-1)!
  for (const step of path.slice(0, -1)) at = (Array.isArray(at) ? at[step as number] : at.get(step)) as typeof at
  if (Array.isArray(at)) at[last as number] = value!
  else if (value === undefined) at.delete(last)
  else at.set(last, value)
  return encodeCbor(root)
}

const change = (part: Partial<ProofBundle>, of = bundle) => encodeBundle({ ...of, ...part })
const leaf = leafInput(SALT, bundle.claims)
const receiptAt = async (where: Parameters<typeof sample.receiptFor>[1]) =>
  change({ receipt: await sample.receiptFor(leaf, where) })
const receipt = parseReceipt(bundle.receipt)
const receiptWith = (part: object) => change({ receipt: encodeReceipt({ ...receipt, size: 11, ...part }) })
const standing = change({ confirmation: await sample.confirm(), anchor: sample.anchor })
const confirmedBy = async (...shown: Parameters<typeof sample.confirm>) =>
  change({ confirmation: await sample.confirm(...shown) })
const quoted = parseBundle(standing).confirmation!
/** The event log without its last entry. */
const records = parseEventLog(sample.evidence.log).slice(0, -1)
const shorter = concatBytes(...records.map(({ pcr, content }, i) => encodeLogRecord(i, pcr, content)))
const parent = await sample.issue({ children: [toHex(leaf)] })
const withChild = (child: Uint8Array) => change({ children: [child] }, parseBundle(parent))
const failure = await sample.issue({ outcome: FAILURE.outcome, response: responseDigest(FAILURE) })
const claimMap = decodeCbor(bundle.claims) as Map<number, CborValue>
/** The facts' rows by their place in the bundle. */
const [values, entries, nodes] = [
  ['facts', 'values', 0],
  ['facts', 'entries', 3],
  ['facts', 'nodes', 0],
]
/** Key and value of `v`, which stand first, put last. */
const reordered = concatBytes(sample.bytes.subarray(0, 1), sample.bytes.subarray(4), sample.bytes.subarray(1, 4))
const longHead = concatBytes(sample.bytes.subarray(0, 3), Uint8Array.of(0x18, 1), sample.bytes.subarray(4))

const left = (status: NodeStatus, statusSince: number) => {
  const { facts, epochs } = ledger
  return { facts: { ...facts, nodes: facts.nodes.map((node) => ({ ...node, status, statusSince })) }, epochs }
}
/** It has also read what opened and what closed the epoch of the evidence. */
const { block, epoch } = sample.facts
const closing = (number: number, seed: Digest, at: number, timestamp: number): EpochRecord => {
  const hash = toHex(other)
  return { number, seed, root: hash, leaves: hash, closedAt: { number: at, hash, timestamp } }
}
const around = [closing(6, toHex(other), 35, epoch.openedAt), closing(7, epoch.seed, 50, block.timestamp + 60)]
const ledgers = {
  now: ledger,
  around: { ...ledger, epochs: [...around, ...ledger.epochs] },
  left50: left('quarantined', 50),
  left80: left('quarantined', 80),
}

interface Given {
  ledger?: keyof typeof ledgers
  request?: typeof REQUEST
  response?: typeof RESPONSE
}
const now: Given = { ledger: 'now' }
const files: [string, Uint8Array, Given, Tier, string[]?][] = [
  ['plain', sample.bytes, { ...now, ...CALL }, 'affirming'],
  ['plain', sample.bytes, {}, 'warning'],
  ['plain', sample.bytes, { ledger: 'left50' }, 'warning'],
  ['plain', sample.bytes, { request: { ...REQUEST, payload: utf8('World') } }, 'none', ['proof/request']],
  ['plain', sample.bytes, { response: { ...RESPONSE, outcome: 'host/trap' } }, 'none', ['proof/response']],
  ['plain', sample.bytes, { ledger: 'around' }, 'affirming'],
  ['standing', standing, { ...now, ...CALL }, 'affirming'],
  ['standing', standing, {}, 'warning'],
  ['standing', standing, { ledger: 'left50' }, 'none', ['proof/facts/same']],
  ['anchored', change({ anchor: sample.anchor }), { ledger: 'left50' }, 'warning'],
  ['standing', standing, { ledger: 'left80' }, 'affirming'],
  ['child', withChild(sample.bytes), now, 'affirming'],
  ['failure', failure, { ...now, request: REQUEST, response: FAILURE }, 'affirming'],
  ['truncated', sample.bytes.subarray(0, -1), now, 'none', ['proof/form']],
  ['padded', concatBytes(sample.bytes, Uint8Array.of(0)), now, 'none', ['proof/form']],
  ['reordered', reordered, now, 'none', ['proof/form']],
  ['long-head', longHead, now, 'none', ['proof/form']],
  ['unknown-key', vary(sample.bytes, ['more'], 1), now, 'none', ['proof/form']],
  ['unknown-claim', change({ claims: encodeCbor(new Map(claimMap).set(-65600, 1)) }), now, 'none', ['proof/form']],
  ['salt-missing', vary(sample.bytes, ['salt'], undefined), now, 'none', ['proof/form']],
  ['salt-wrong', change({ salt: SALT.toReversed() }), now, 'none', ['proof/signature']],
  ['tree-size', receiptWith({ size: 12 }), now, 'none', ['proof/form']],
  ['leaf-index', receiptWith({ index: 4 }), now, 'none', ['proof/signature']],
  ['other-leaf', change({ receipt: await sample.receiptFor(other) }), now, 'none', ['proof/signature']],
  ['other-node', await receiptAt({ node: toHex(other) }), now, 'none', ['proof/node']],
  ['other-run', await receiptAt({ run: toHex(other) }), now, 'none', ['proof/run']],
  ['other-log', await receiptAt({ log: 2 }), now, 'none', ['proof/order']],
  ['before-quote', await receiptAt({ sequence: 3 }), now, 'none', ['proof/order']],
  ['other-claims', change({ claims: encodeClaims({ ...claims, fuel: 1 }) }), now, 'none', ['proof/signature']],
  ['other-evidence', await sample.issue({ evidence: toHex(other) }), now, 'none', ['proof/evidence']],
  [
    'other-actor',
    await sample.issue({ capabilities: [] }),
    now,
    'none',
    ['proof/actor', 'proof/version', 'proof/revoked'],
  ],
  [
    'more-assurance',
    await sample.issue({ assurance: { integrity: 'measured', confidentiality: 'none' } }),
    now,
    'none',
    ['proof/assurance'],
  ],
  ['other-chain', vary(sample.bytes, ['facts', 'chain', 0], 1), {}, 'none', ['quote/chain']],
  ['other-registry', vary(sample.bytes, ['facts', 'chain', 1], other.subarray(12)), {}, 'none', ['quote/chain']],
  ['other-seed', vary(sample.bytes, ['facts', 'epoch', 1], other), {}, 'none', ['quote/nonce']],
  [
    'other-policy',
    vary(sample.bytes, ['facts', 'entries', 0, 5], 'superseded'),
    {},
    'none',
    ['provisioned/status', 'proof/policy'],
  ],
  ['stale', vary(sample.bytes, ['facts', 'epoch', 2], sample.facts.block.timestamp - 3601), {}, 'none', ['freshness']],
  ['end-of-time', vary(sample.bytes, ['facts', 'block', 2], 2 ** 40), {}, 'none', ['proof/form']],
  ['revoked-release', vary(sample.bytes, [...values!, 3], 'revoked'), {}, 'contraindicated', ['runtime/current']],
  ['revoked-actor', vary(sample.bytes, [...entries!, 5], 'revoked'), {}, 'none', ['proof/revoked']],
  ['revoked-here-only', vary(sample.bytes, [...entries!, 5], 'grace'), now, 'none', ['proof/facts/same']],
  [
    'quarantined',
    vary(vary(sample.bytes, [...nodes!, 5], 'quarantined'), [...nodes!, 6], 30),
    {},
    'none',
    ['proof/in-service'],
  ],
  ['pending', vary(sample.bytes, [...nodes!, 5], 'pending'), {}, 'none', ['proof/in-service']],
  ...[
    ['earlier-time', ['block', 2], epoch.openedAt - 1] as const,
    ['later-time', ['block', 2], block.timestamp + 61] as const,
    ['earlier-epoch', ['epoch', 2], epoch.openedAt - 1] as const,
  ].map(([name, path, value]): (typeof files)[number] => {
    return [name, vary(sample.bytes, ['facts', ...path], value), { ledger: 'around' }, 'none', ['proof/facts/same']]
  }),
  ['confirmed-by-other-boot', await confirmedBy({}, 3), now, 'none', ['proof/same-boot']],
  ['confirmed-by-other-log', await confirmedBy({ log: shorter }), now, 'none', ['proof/same-log']],
  [
    'confirmed-too-early',
    await confirmedBy({ checkpoint: { ...sample.evidence.checkpoint, size: 5 } }),
    now,
    'none',
    ['proof/covers'],
  ],
  [
    'confirmed-by-other-seed',
    change({
      confirmation: { ...quoted, facts: { ...quoted.facts, epoch: { ...quoted.facts.epoch, seed: toHex(other) } } },
    }),
    now,
    'none',
    ['quote/nonce', 'proof/facts/same'],
  ],
  ['anchor-elsewhere', vary(standing, ['anchor', 'index'], 0), now, 'none', ['proof/anchor-root']],
  ['anchor-block', vary(standing, ['anchor', 'block', 0], 71), now, 'none', ['proof/anchor-root']],
  ['anchor-before', vary(standing, ['anchor', 'block', 0], 39), {}, 'none', ['proof/anchor-time']],
  ['anchor-inconsistent', vary(standing, ['anchor', 'consistency', 0], other), now, 'none', ['proof/anchor-log']],
  ['child-missing', parent, now, 'warning'],
  ['child-other', withChild(failure), now, 'none', ['proof/children']],
  ['child-broken', withChild(await receiptAt({ sequence: 3 })), now, 'none', ['proof/order']],
  ['child-unclaimed', change({ children: [failure] }), now, 'none', ['proof/children']],
]

for (const [name, bytes] of files) writeFileSync(`${FOLDER}${name}.proof`, bytes)
const standingOf = (name: string, tier: Tier) => ({
  confirmed: name === 'standing' && tier !== 'none',
  anchored: ['standing', 'anchored'].includes(name) && tier !== 'none',
})
const hex = (call: { payload: Uint8Array } | undefined) => call && { ...call, payload: toHex(call.payload) }
const index = {
  ledgers,
  vectors: files.map(([name, , { ledger: read, request, response }, tier, failed = []]) => ({
    file: `${name}.proof`,
    ledger: read,
    request: hex(request),
    response: hex(response),
    tier,
    standing: standingOf(name, tier),
    failed,
  })),
}
const lines = (items: object[]) => items.map((item) => `  ${JSON.stringify(item)}`).join(',\n')
const readable = Object.entries(index.ledgers).map(([name, one]) => `  "${name}": ${JSON.stringify(one)}`)
writeFileSync(
  `${FOLDER}vectors.json`,
  `{ "ledgers": {\n${readable.join(',\n')}\n }, "vectors": [\n${lines(index.vectors)}\n ] }\n`,
)
