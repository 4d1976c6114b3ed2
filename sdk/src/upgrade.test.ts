import {
  decodeCbor,
  digestOf,
  type EpochLeaf,
  type EpochRecord,
  type Evidence,
  encodeCbor,
  type LedgerFacts,
  leafHash,
  leafInput,
  type ProofConfirmation,
  parseBundle,
  parseEvidence,
  parseReceipt,
  receiptCheckpoint,
  sha256,
  TeapotError,
  toHex,
  utf8,
} from '@teapot-network/trust'
import { encodeBundle, encodeCheckpoint, encodeEpochLeaf, treeRoot } from '@teapot-network/trust/encode'
import { beforeAll, describe, expect, it } from 'vitest'
import { ledgerOf } from './genuine.fixture.ts'
import { rawCid } from './raw-cid.ts'
import { makeSampleProof, SALT, type SampleProof } from './sample-proof.fixture.ts'
import { serve } from './server.fixture.ts'
import { readEpochsOf, type Upgraded, upgradeProof } from './upgrade.ts'

const SIZE = 20
let sample: SampleProof
beforeAll(async () => {
  sample = await makeSampleProof()
})

/** What the network is like at the time of the upgrade; by default all is well, and epoch 8 quoted the log at 20 leaves. */
interface World {
  proof?: Uint8Array
  /** What the later evidence shows, and its boot. */
  later?: Partial<Evidence>
  boot?: number
  leaf?: Partial<EpochLeaf>
  document?: Uint8Array
  closed?: (record: EpochRecord) => EpochRecord[]
  /** The open epoch. */
  now?: number
  /** What the node answers instead of a receipt or a block. */
  answers?: (path: string) => Uint8Array | null | undefined
  isNodeGone?: boolean
  hasMirror?: boolean
  hasHistory?: boolean
}

async function upgrade(world: World = {}): Promise<Upgraded> {
  const { claims, bundle, receiptFor, ledger } = sample
  const leaf = leafInput(SALT, bundle.claims)
  const hashes = Array.from({ length: SIZE }, (_, i) => leafHash(i === 5 ? leaf : Uint8Array.of(i)))
  const confirmation = await sample.confirm(world.later, world.boot)
  const { checkpoint } = parseEvidence(confirmation.evidence)
  const quoted = { epoch: 8, outcome: 'affirm', run: claims.run, evidence: digestOf(confirmation.evidence) } as const
  const leaves = [utf8('another'), encodeEpochLeaf({ ...quoted, node: claims.node, checkpoint, ...world.leaf })]
  leaves[0] = encodeEpochLeaf({ ...quoted, node: digestOf(utf8('another')) as never, checkpoint: null })
  const document = encodeCbor(leaves.map((bytes) => decodeCbor(bytes)))
  const record = { ...ledger.epochs[0]!, root: toHex(treeRoot(leaves.map((bytes) => leafHash(sha256(bytes))))) }
  const blocks = new Map([document, confirmation.evidence].map((bytes) => [rawCid(digestOf(bytes)), bytes]))
  const later = await receiptFor(leaf, { size: SIZE, sequence: 9 })

  const block = (path: string) => blocks.get(/^\/ipfs\/([a-z0-9]+)\?format=raw$/.exec(path)?.[1] ?? '')
  const log = (path: string) => {
    if (path.endsWith('checkpoint')) return encodeCheckpoint(receiptCheckpoint(parseReceipt(later), leaf))
    return path.endsWith(`tile/0/000.p/${SIZE}`) ? Buffer.concat(hashes) : undefined
  }
  const receipt = (path: string) => (path.endsWith(`?size=${SIZE}`) ? later : undefined)
  const answering = (...ways: ((path: string) => Uint8Array | null | undefined)[]) =>
    serve(({ url = '' }, response) => {
      const body = ways.map((way) => way(url)).find((found) => found !== undefined)
      response.writeHead(body ? 200 : 404).end(body)
    })
  await using node = await answering(world.answers ?? (() => undefined), log, receipt)
  await using other = await answering(world.answers ?? (() => undefined), block)
  await using mirror = await answering(log)

  const url = world.isNodeGone ? 'http://127.0.0.1:1' : node.url
  const [own] = ledger.facts.nodes
  const nodes = [
    { ...own!, contact: contact(url) },
    { ...own!, id: digestOf(utf8('b')) as never, contact: contact(other.url) },
  ]
  const facts: LedgerFacts = { ...ledger.facts, nodes }
  facts.epoch = { ...facts.epoch, number: world.now ?? facts.epoch.number }
  const closed = world.closed?.({ ...record, leaves: digestOf(document) }) ?? [
    { ...record, leaves: digestOf(document) },
  ]
  return await upgradeProof(world.proof ?? sample.bytes, {
    ledger: {
      ...ledgerOf(() => facts),
      readFacts: async ({ block } = {}) => (block === undefined ? facts : then(confirmation, block, world)),
      readEpochs: async (first, last) => closed.filter(({ number }) => first <= number && number <= last),
    },
    ...{ fetch, timeoutMs: 60_000, mirror: world.hasMirror ? mirror.url : undefined },
  })
}

const contact = (http: string) => JSON.stringify({ http })

/** The ledger at the last block of epoch 8. */
function then({ facts }: ProofConfirmation, block: number, { hasHistory = true }: World): LedgerFacts {
  if (!hasHistory) throw new TeapotError('ledger/rpc-error', 'missing trie node', { kind: 'unavailable' })
  return { ...sample.facts, block: { ...facts.block, number: block }, epoch: facts.epoch }
}

const BOTH = { confirmed: true, anchored: { epoch: 8, block: 70 } }

describe('upgrading a proof', () => {
  it('confirms it, anchors it, and has the receipt issued anew under the anchored checkpoint', async () => {
    let records: EpochRecord[] = []
    const closed = (record: EpochRecord) => {
      records = [record]
      return records
    }
    const { bytes, verdict, lacking } = await upgrade({ closed })
    expect(lacking).toEqual([])
    expect(verdict).toMatchObject({ tier: 'affirming', standing: BOTH })
    expect(parseReceipt(parseBundle(bytes).receipt).checkpoint.size).toBe(SIZE)
    expect(parseBundle(bytes).anchor!.consistency).toEqual([])
    const again = await upgrade({ proof: bytes, closed: () => records })
    expect(again).toMatchObject({ bytes, lacking: [] })
  })

  const junk = utf8('junk')
  const without = (part: string) => (path: string) => (path.includes(part) ? null : undefined)
  const kept: [string, World][] = [
    ['its run is over: no receipt is issued anew', { answers: without('/v1/receipts/') }],
    ['the receipt issued anew is junk', { answers: (path) => (path.includes('/v1/receipts/') ? junk : undefined) }],
    ['the node is gone, and a mirror has its tiles', { isNodeGone: true, hasMirror: true }],
    ['the node has closed that log, and a mirror has its tiles', { answers: without('/v1/'), hasMirror: true }],
  ]
  it.each(kept)('keeps the receipt, and what leads from it to the anchored checkpoint, where %s', async (_, world) => {
    const { bytes, verdict } = await upgrade(world)
    expect(verdict.standing).toMatchObject(BOTH)
    expect(parseBundle(bytes).receipt).toEqual(sample.bundle.receipt)
    expect(parseBundle(bytes).anchor!.consistency.length).toBeGreaterThan(0)
  })

  it('takes no receipt for another leaf or tree in place of the old one', async () => {
    for (const change of [
      { index: 6 },
      { size: SIZE - 1 },
      { node: digestOf(junk) as never },
      { run: digestOf(junk) },
    ]) {
      const leaf = leafInput(SALT, sample.bundle.claims)
      const other = await sample.receiptFor(leaf, { size: SIZE, sequence: 9, ...change })
      const { bytes } = await upgrade({ answers: (path) => (path.includes('/v1/receipts/') ? other : undefined) })
      expect(parseBundle(bytes).receipt).toEqual(sample.bundle.receipt)
    }
  })

  const NOTHING = { confirmed: false, anchored: null }
  const ANCHORED = { ...BOTH, confirmed: false }
  const CONFIRMED = { ...BOTH, anchored: null }
  const forked = { log: 1, sequence: 9, size: SIZE, root: digestOf(junk) }
  const lacking: [string, World, Partial<typeof BOTH> | typeof NOTHING, string, RegExp][] = [
    [
      'no epoch has closed since',
      { closed: () => [] },
      NOTHING,
      'sdk/not-quoted-yet',
      /epoch 9 is open since .*come again/,
    ],
    ['the node was silent', { leaf: { checkpoint: null } }, NOTHING, 'sdk/not-quoted-yet', /quoted leaf 5/],
    [
      'the log was closed',
      { leaf: { checkpoint: { ...forked, log: 2 } } },
      NOTHING,
      'sdk/log-closed',
      /expected log 1 .* found log 2/,
    ],
    [
      'the leaves are not those of the root',
      { closed: (one) => [{ ...one, root: digestOf(junk) }] },
      NOTHING,
      'sdk/epoch-altered',
      /epoch 8 has on the ledger/,
    ],
    ['nobody has the leaves', { answers: without('/ipfs/') }, NOTHING, 'sdk/block-missing', /asked 2 nodes/],
    [
      'somebody serves other leaves',
      { answers: (path) => (path.includes('/ipfs/') ? junk : undefined) },
      NOTHING,
      'sdk/block-missing',
      /other bytes/,
    ],
    [
      'the quoted tree does not extend the receipt’s',
      { leaf: { checkpoint: forked } },
      CONFIRMED,
      'sdk/tiles-refused',
      /prefix/,
    ],
    [
      'the node is gone, and there is no mirror',
      { isNodeGone: true },
      CONFIRMED,
      'sdk/node-unreachable',
      /Cannot reach/,
    ],
    ['the machine was reset', { boot: 99 }, ANCHORED, 'sdk/other-boot', /found boot 99/],
    ['the endpoint has no history', { hasHistory: false }, ANCHORED, 'sdk/no-history', /block 69.*missing trie node/],
    [
      'the later evidence does not hold',
      { later: { nonce: digestOf(junk) } },
      ANCHORED,
      'sdk/not-confirmed',
      /epoch 8/,
    ],
  ]
  it.each(lacking)('says what is lacking, and why, where %s', async (_, world, standing, code, message) => {
    const { verdict, lacking } = await upgrade(world)
    expect(verdict.standing).toMatchObject(standing)
    for (const failure of lacking) expect(failure).toMatchObject({ code, message: expect.stringMatching(message) })
    expect(lacking).toHaveLength(Number(!standing.confirmed) + Number(!standing.anchored))
  })

  it('looks at the newest epoch where all near the result say nothing of the node', async () => {
    const late = (number: number) => ({
      now: 100,
      closed: (one: EpochRecord) => [{ ...one, number }],
      leaf: { epoch: number },
    })
    expect((await upgrade(late(99))).verdict.standing).toMatchObject({ confirmed: true, anchored: { epoch: 99 } })
    expect((await upgrade(late(98))).verdict.standing).toEqual(NOTHING)
  })

  it('upgrades what the actor called, too', async () => {
    const proof = await sample.issue({ children: [toHex(leafInput(SALT, sample.bundle.claims))] })
    const whole = encodeBundle({ ...parseBundle(proof), children: [sample.bytes] })
    const { verdict } = await upgrade({ proof: whole })
    expect(verdict.children).toMatchObject([{ standing: BOTH }])
  })

  it('asks the ledger for no more epochs than a proof may name, however many or deep its children are', async () => {
    const { bundle, facts } = sample
    const at = (number: number, ...children: Uint8Array[]) => {
      const relied = { ...bundle.facts, epoch: { ...bundle.facts.epoch, number } }
      return encodeBundle({ ...bundle, facts: relied, ...(children.length > 0 && { children }) })
    }
    let asked = 0
    const readEpochs = async () => {
      asked++
      return []
    }
    const wide = at(1, ...Array.from({ length: 80 }, (_, i) => at(i + 2)))
    const deep = Array.from({ length: 80 }, (_, i) => i).reduce((child, i) => at(i, child), at(99))
    for (const proof of [wide, deep]) await readEpochsOf(proof, { ...ledgerOf(() => facts), readEpochs })
    expect(asked).toBe(0)
    await readEpochsOf(at(1, at(2), at(3, at(4))), { ...ledgerOf(() => facts), readEpochs })
    expect(asked).toBe(4)
  })

  it('refuses a proof that does not hold', async () => {
    const proof = encodeBundle({ ...sample.bundle, salt: new Uint8Array(16) })
    await expect(upgrade({ proof })).rejects.toMatchObject({ code: 'sdk/proof-refused' })
    await expect(upgrade({ proof: junk })).rejects.toMatchObject({ kind: 'refused' })
  })
})
