import { readFileSync } from 'node:fs'
import {
  type Address,
  concatBytes,
  type Digest,
  fromHex,
  type Hex,
  type NodeStatus,
  parseEvidence,
  toHex,
} from '@teapot-network/trust'
import { shownDigest, signVote, type Vote } from '@teapot-network/trust/vote'
import { concatHex, keccak256, numberToHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { beforeAll, describe, expect, it } from 'vitest'
import { fundAccounts } from '../src/anvil.ts'
import { disputeOf } from '../src/dispute.ts'
import { statementOf } from '../src/round.ts'
import { byId, createNodes, refusalOf, useChain } from '../testing/chain.fixture.ts'
import { createNode, keyOf, sha256Hex, type TestNode, ZERO } from '../testing/chain.ts'
import { type Quoted, quoteBy, replay } from '../testing/quote.ts'

const ETHER = 10n ** 18n
const PROVER = keyOf('prover')
const R_LOG = [sha256Hex('launcher'), sha256Hex('runtime')]
const R = replay(R_LOG)
/** A runtime that nobody registered. */
const UNKNOWN = [sha256Hex('launcher'), sha256Hex('rootkit')]
/** A is who gets it wrong, and D whom it is about. */
const [a, b, c, d] = await createNodes('a', 'b', 'c', 'd')
const { chain, refuses, unprovoked, statusOf, standingOf, bondOf, balanceOf, close } = useChain({
  genesis: [a, b, c, d],
})
let greeter: Digest

/** In epoch 2, before which R and the actor `greeter` were approved. */
beforeAll(async () => {
  await fundAccounts(chain.anvil.url, [privateKeyToAccount(PROVER).address.toLowerCase() as Address])
  for (const node of [a, b, c, d]) await chain.register(node)
  for (const node of [a, b, c, d]) await chain.place(node, 'active')
  greeter = await publish('greeter', 3)
  await chain.write(chain.committee, 'codeRegistry', 'approve', [sha256Hex('greeter'), 1n])
  await addR()
  await close(b)
})

const addR = (r: Hex = R) => chain.write(chain.committee, 'referenceValues', 'add', [r, '0.1.0', 'linux-x64'])
async function publish(name: string, kind: number): Promise<Digest> {
  await chain.write(a.key, 'codeRegistry', 'publish', [name, kind, 1n, sha256Hex(name), 'cid', '0x'])
  const [entries] = await chain.read('codeRegistry', 'list', [0n, 100n])
  return entries.at(-1)!.digest
}
/** A's vote on a quote of D's, as a dispute is given it. */
async function voteOn(
  { quote, boot }: Pick<Quoted, 'quote' | 'boot'>,
  outcome: Vote['outcome'],
  said: Partial<Vote> = {},
  voter = a,
) {
  const vote = { node: d.id, epoch: 2, run: sha256Hex('run'), evidence: sha256Hex('evidence'), outcome, quote, boot }
  return statementOf(await chain.signed({ ...vote, ...said }, voter))
}
type Case = Awaited<ReturnType<typeof voteOn>>
const dispute = ([said, vote]: Case, shown: Quoted['shown']) =>
  chain.write(PROVER, 'disputes', 'dispute', [said, vote, shown])
const disputeR = ([said, vote]: Case, { shown, shownR }: Quoted) =>
  chain.write(PROVER, 'disputes', 'disputeR', [said, vote, { ...shown, ...shownR }])
const quoteOf = (more: Parameters<typeof quoteBy>[1] = {}) => quoteBy(d.ak, { rLog: R_LOG, cLog: [greeter], ...more })
/** Writes an AK whose private half nobody has into the record of a registered node. */
async function giveAk({ id }: TestNode, { akX, akY }: { akX: Hex; akY: Hex }): Promise<void> {
  const layout = JSON.parse(readFileSync(new URL('storage-layout.json', import.meta.url), 'utf8')).NodeRegistry
  const slotOf = (label: string, within: string) =>
    BigInt(
      Object.keys(layout[within])
        .find((at) => layout[within][at].startsWith(`${label}:`))!
        .split('+')[0]!,
    )
  const record = BigInt(keccak256(concatHex([id, numberToHex(slotOf('_records', 'storage'), { size: 32 })])))
  for (const [label, value] of Object.entries({ akX, akY })) {
    const slot = numberToHex(record + slotOf(label, 'struct NodeRegistry.Record'), { size: 32 })
    await chain.rpc('anvil_setStorageAt', chain.deployment.nodeRegistry, slot, value)
  }
}
const balanceOfProver = () => balanceOf(privateKeyToAccount(PROVER).address)

describe('a dispute', () => {
  it.each<[string, Parameters<typeof quoteBy>[1]]>([
    ['a runtime that was never registered', { rLog: UNKNOWN }],
    ['an entry that the registry never held', { cLog: [sha256Hex('rogue')] }],
  ])('convicts who affirmed %s, and suspects the node', async (_, shown) => {
    const quoted = quoteOf({ ...shown, boot: 7 })
    const before = await balanceOfProver()
    await dispute(await voteOn(quoted, 'affirm'), quoted.shown)
    expect([await statusOf(a), await bondOf(a)]).toEqual(['quarantined', 0n])
    expect(await standingOf(d)).toMatchObject({ status: 4, lastEpoch: 2, boot: 7 })
    expect((await balanceOfProver()) - before).toBeGreaterThan(ETHER / 4n)
  })

  it.each<[string, Parameters<typeof quoteBy>[1]]>([
    ['a log that replays to another R', { pcrs: { 12: R, 13: replay([]) }, rLog: [], cLog: [] }],
    ['a log that replays to another C', { pcrs: { 12: R, 13: sha256Hex('lie') } }],
  ])('convicts who affirmed %s, and lets the node be: the log is what the voter says', async (_, shown) => {
    const quoted = quoteOf({ ...shown, boot: 7 })
    await dispute(await voteOn(quoted, 'affirm'), quoted.shown)
    expect([await statusOf(a), await bondOf(a), await statusOf(d)]).toEqual(['quarantined', 0n, 'active'])
  })

  it('suspects no node by the quote of a boot before the one that a quorum affirmed last', async () => {
    await chain.place(d, 'inactive', { lastEpoch: 1 })
    await close(b)
    const affirm = await chain.change({ node: d.id, outcome: 'affirm', epoch: 3, boot: 5 }, [b, c].toSorted(byId))
    await chain.write(PROVER, 'attestation', 'report', [3, [affirm]])
    await close(b)
    for (const [boot, status] of [
      [4, 'active'],
      [5, 'suspect'],
    ] as const) {
      const before = await chain.rpc('evm_snapshot')
      const quoted = quoteOf({ rLog: UNKNOWN, boot })
      await dispute(await voteOn(quoted, 'affirm', { epoch: 4 }), quoted.shown)
      expect([await statusOf(a), await statusOf(d), await bondOf(a)]).toEqual(['quarantined', status, 0n])
      await chain.rpc('evm_revert', before)
    }
    // Nor by one that was convicted since, and has no boot to leave.
    await chain.judge('convict', [d.id, a.id, 1, b.operator])
    expect(await standingOf(d)).toMatchObject({ status: 5, boot: 0 })
  })

  it('convicts who affirmed what was published, and never approved, or is of no kind that is provisioned', async () => {
    for (const cLog of [[greeter, await publish('waiting', 3)], [await publish('a-page', 6)]]) {
      const before = await chain.rpc('evm_snapshot')
      const quoted = quoteOf({ cLog })
      await dispute(await voteOn(quoted, 'affirm'), quoted.shown)
      expect(await statusOf(a)).toBe('quarantined')
      await chain.rpc('evm_revert', before)
    }
  })

  it('convicts who called a mismatch what was approved before the epoch opened, and lets a quorum affirm the node in the same boot', async () => {
    const quoted = quoteOf()
    for (const status of ['suspect', 'quarantined'] as const) {
      const before = await chain.rpc('evm_snapshot')
      await chain.place(d, status, { lastEpoch: 2, boot: 1 })
      await dispute(await voteOn(quoted, 'mismatch'), quoted.shown)
      expect([await statusOf(a), await statusOf(d), await bondOf(a)]).toEqual(['quarantined', 'inactive', 0n])
      const affirm = { node: d.id, outcome: 'affirm', epoch: 3, boot: 1 } as const
      await close(b)
      await chain.write(PROVER, 'attestation', 'report', [3, [await chain.change(affirm, [b, c].toSorted(byId))]])
      expect(await statusOf(d)).toBe('active')
      await chain.rpc('evm_revert', before)
    }
  })

  it('convicts who named another boot than the quote, whatever else was said', async () => {
    const quoted = quoteOf({ boot: 2 ** 16 + 3 })
    await dispute(await voteOn(quoted, 'affirm', { boot: 3 }), quoted.shown)
    expect([await statusOf(a), await statusOf(d)]).toEqual(['quarantined', 'active'])
  })

  it('decides nothing where the vote was right, or what is approved changed meanwhile', async () => {
    const undecided = async (quoted: Quoted, outcome: Vote['outcome']) =>
      refuses(dispute(await voteOn(quoted, outcome), quoted.shown), 'Undecided', [a.id])
    await undecided(quoteOf(), 'affirm')
    await undecided(quoteOf({ rLog: UNKNOWN }), 'mismatch')
    await undecided(quoteOf({ rLog: UNKNOWN }), 'silence')
    await addR(replay(UNKNOWN))
    await undecided(quoteOf({ rLog: UNKNOWN }), 'mismatch')
    await undecided(quoteOf({ rLog: UNKNOWN }), 'affirm')
    const late = quoteOf({ cLog: [await publish('late', 4)] })
    await chain.write(chain.committee, 'codeRegistry', 'approve', [sha256Hex('late'), 1n])
    await undecided(late, 'mismatch')
    await undecided(late, 'affirm')
  })

  it('convicts nobody for what was approved when they voted, though the committee revoked it at once since', async () => {
    await chain.write(chain.committee, 'referenceValues', 'revoke', [R])
    await chain.write(chain.committee, 'codeRegistry', 'revoke', [sha256Hex('greeter'), 1n])
    await refuses(dispute(await voteOn(quoteOf(), 'affirm'), quoteOf().shown), 'Undecided')
    const [entry] = (await chain.read('codeRegistry', 'list', [0n, 1n]))[0]
    expect(entry!.status).toBe(5)
  })

  it('over R alone needs no logs', async () => {
    const quoted = quoteOf({ rLog: UNKNOWN })
    await refuses(disputeR(await voteOn(quoteOf(), 'mismatch'), quoteOf()), 'Undecided')
    await refuses(disputeR(await voteOn(quoteOf(), 'affirm'), quoteOf()), 'Undecided')
    await disputeR(await voteOn(quoted, 'affirm'), quoted)
    expect([await statusOf(a), await statusOf(d)]).toEqual(['quarantined', 'suspect'])
  })

  it('reads a quote of a genuine software TPM, from the evidence that the vote names', async () => {
    const vectors = JSON.parse(readFileSync(new URL('../../trust/vectors/swtpm.json', import.meta.url), 'utf8'))
    const evidence = parseEvidence(Buffer.from(vectors.evidence, 'base64'))
    const node = await createNode('swtpm')
    const { id } = node
    await chain.register(node)
    await giveAk(node, vectors.facts.nodes[0])
    const { chainId, attestation } = chain.deployment
    const { resetCount, restartCount } = await chain.read('disputes', 'quoteOf', [
      id,
      toHex(evidence.quote.attest),
      ...disputeRS(evidence.quote.signature),
    ])
    const boot = resetCount * 2 ** 16 + restartCount
    const what = { node: id, epoch: 2, run: ZERO, evidence: ZERO, boot, quote: shownDigest(evidence) }
    const bring = async (outcome: Vote['outcome']) => {
      const vote = { ...what, chainId, attestation, outcome }
      const { functionName, args } = disputeOf(
        { ...vote, voter: a.id, signature: await signVote(vote, a.sign) },
        evidence,
      )
      return chain.write(PROVER, 'disputes', functionName, args)
    }
    const before = await chain.rpc('evm_snapshot')
    await bring('affirm')
    expect([await statusOf(a), await statusOf(node)]).toEqual(['quarantined', 'suspect'])
    await chain.rpc('evm_revert', before)

    await addR(vectors.facts.referenceValues[0].r)
    for (const { name, kind, version, sha256, grants } of vectors.facts.entries) {
      await chain.write(a.key, 'codeRegistry', 'publish', [name, kind, BigInt(version), sha256, 'cid', grants])
      await chain.write(chain.committee, 'codeRegistry', 'approve', [sha256Hex(name), BigInt(version)])
    }
    await refuses(bring('affirm'), 'Undecided')
    await close(b)
    what.epoch = 3
    await bring('mismatch')
    expect(await statusOf(a)).toBe('quarantined')
  })
})

describe('what is shown', () => {
  it('is what the vote names', async () => {
    const [quoted, other] = [quoteOf(), quoteOf({ boot: 9 })]
    const said = await voteOn(quoted, 'affirm')
    for (const part of [other.shown, { ...quoted.shown, rLog: [R] }, { ...quoted.shown, cLog: [] }]) {
      await refuses(dispute(said, part), 'NotShown')
    }
  })

  it('goes with a vote by the voter, over exactly this', async () => {
    const quoted = quoteOf()
    const [said, vote] = await voteOn(quoted, 'affirm')
    const spoilt = [{ epoch: 1 }, { node: a.id }, { outcome: 2 }, { run: ZERO }, { boot: 2 }, { evidence: ZERO }]
    for (const part of spoilt) await refuses(dispute([{ ...said, ...part }, vote], quoted.shown), 'WrongVote', [a.id])
    await refuses(dispute([said, { ...vote, voter: b.id }], quoted.shown), 'WrongVote', [b.id])
    await refuses(dispute([said, { ...vote, voter: ZERO }], quoted.shown), 'WrongVote', [ZERO])
  })

  it('is signed by the AK that the node registered: one that moved to another TPM proves nothing', async () => {
    const moved = quoteBy(c.ak, { rLog: R_LOG, cLog: [greeter] })
    await refuses(dispute(await voteOn(moved, 'affirm'), moved.shown), 'WrongQuoteSignature', [d.id])
    const { shown, ...quoted } = quoteOf()
    const said = await voteOn(quoted, 'affirm')
    await refuses(dispute(said, { ...shown, r: shown.s, s: shown.r }), 'WrongQuoteSignature')
    await refuses(dispute(said, { ...shown, s: ZERO }), 'WrongQuoteSignature')
  })

  it('may carry either form of the signature, as TPMs give both', async () => {
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const { shown } = quoteOf()
    const other: Hex = `0x${(order - BigInt(shown.s)).toString(16).padStart(64, '0')}`
    for (const s of [shown.s, other]) {
      const quote = await chain.read('disputes', 'quoteOf', [d.id, shown.attest, shown.r, s])
      expect(quote).toMatchObject({ selected: 0x3000, resetCount: 0, restartCount: 1, extraData: sha256Hex('nonce') })
    }
  })

  it('quotes R and C, wherever they stand among the PCRs, with the values that hash to what was quoted', async () => {
    const wide = quoteOf({ rLog: UNKNOWN, pcrs: { 0: ZERO, 7: R, 12: replay(UNKNOWN), 13: replay([greeter]), 14: R } })
    await dispute(await voteOn(wide, 'affirm'), wide.shown)
    expect(await statusOf(a)).toBe('quarantined')
    for (const pcrs of [{ 12: R }, { 13: R, 14: R }, { 11: R, 12: R }]) {
      const quoted = quoteOf({ pcrs })
      await refuses(dispute(await voteOn(quoted, 'affirm'), quoted.shown), 'WrongPcrs')
    }
    const quoted = quoteOf()
    const said = await voteOn(quoted, 'affirm')
    for (const pcrValues of [[R, R], [R], [...quoted.shown.pcrValues, R]]) {
      await refuses(dispute(said, { ...quoted.shown, pcrValues }), 'WrongPcrs')
    }
  })

  it('is a quote of exactly the one form', async () => {
    const { attest } = quoteOf().shown
    const bytes = fromHex(attest)
    const flipped = [0, 4, 5, 7, 43, 104, 106, 107, 112].map((at) => toHex(bytes.map((x, i) => (i === at ? x ^ 1 : x))))
    const sized = [toHex(bytes.subarray(0, 144)), toHex(concatBytes(bytes, Uint8Array.of(0))), '0x'] as Hex[]
    for (const wrong of [...flipped, ...sized]) {
      await refuses(chain.read('disputes', 'quoteOf', [d.id, wrong, ZERO, ZERO]), 'MalformedQuote')
    }
  })

  it('is refused when any signed byte is another', async () => {
    const { attest, r, s } = quoteOf().shown
    const bytes = fromHex(attest)
    for (let at = 0; at < bytes.length; at += 3) {
      const flipped = toHex(bytes.map((x, i) => (i === at ? x ^ 0x40 : x)))
      const { errorName } = await refusalOf(chain.read('disputes', 'quoteOf', [d.id, flipped, r, s]))
      expect(['MalformedQuote', 'WrongQuoteSignature'], `byte ${at}`).toContain(errorName)
    }
  })
})

describe('a conviction', () => {
  const falseAffirm = () => quoteOf({ rLog: UNKNOWN })

  it('follows from two statements of one voter on one node in one epoch', async () => {
    const equivocation = (x: Case, y: Case) => chain.write(PROVER, 'disputes', 'equivocation', [...x, ...y])
    const affirm = await voteOn(quoteOf(), 'affirm')
    const others = [
      affirm,
      await voteOn(quoteOf(), 'mismatch', { epoch: 1 }),
      await voteOn(quoteOf(), 'mismatch', { node: c.id }),
      await voteOn(quoteOf(), 'mismatch', {}, b),
    ]
    for (const other of others) await refuses(equivocation(affirm, other), 'NoEquivocation', [a.id])
    const [said, vote] = await voteOn(quoteOf(), 'silence')
    await refuses(equivocation(affirm, [{ ...said, boot: 99 }, vote]), 'WrongVote', [a.id])
    await equivocation(affirm, [said, vote])
    expect([await statusOf(a), await statusOf(d), await bondOf(a)]).toEqual(['quarantined', 'active', 0n])
  })

  it('settles all that the voter said until then, and concerns nothing that is still to come', async () => {
    const quoted = falseAffirm()
    const [ahead, now, before] = [
      await voteOn(quoted, 'affirm', { epoch: 3 }),
      await voteOn(quoted, 'affirm'),
      await voteOn(quoted, 'affirm', { epoch: 1 }),
    ]
    await refuses(dispute(ahead, quoted.shown), 'NotPunishable', [a.id, 3])
    await dispute(now, quoted.shown)
    await chain.write(a.key, 'nodeRegistry', 'deposit', [], ETHER)
    await refuses(dispute(now, quoted.shown), 'NotPunishable', [a.id, 2])
    await refuses(dispute(before, quoted.shown), 'NotPunishable', [a.id, 1])
    expect(await bondOf(a)).toBe(ETHER)
    await close(b)
    await dispute(ahead, quoted.shown)
    expect(await bondOf(a)).toBe(0n)
  })

  it('slashes a voter that retired, too, before its bond is free', async () => {
    await chain.write(a.key, 'nodeRegistry', 'retire', [])
    await dispute(await voteOn(falseAffirm(), 'affirm'), falseAffirm().shown)
    expect([await statusOf(a), await bondOf(a)]).toEqual(['retired', 0n])
  })

  it('leaves a node that later votes have spoken of, is out or cannot be Active, where it stands', async () => {
    const stays = async (status: NodeStatus, lastEpoch: number, outcome: Vote['outcome']) => {
      const before = await chain.rpc('evm_snapshot')
      await chain.place(d, status, { lastEpoch })
      const quoted = outcome === 'affirm' ? falseAffirm() : quoteOf()
      await dispute(await voteOn(quoted, outcome), quoted.shown)
      expect(await statusOf(d), `${status} ${lastEpoch} ${outcome}`).toBe(status)
      await chain.rpc('evm_revert', before)
    }
    await stays('active', 3, 'affirm')
    for (const status of ['suspect', 'quarantined', 'retired'] as const) await stays(status, 2, 'affirm')
    for (const status of ['active', 'inactive', 'retired'] as const) await stays(status, 2, 'mismatch')
    await stays('quarantined', 1, 'mismatch')
  })

  it('demotes nobody by the word of one that has no vote to lose', async () => {
    const quoted = falseAffirm()
    const stranger = await createNode('stranger')
    await chain.register(stranger)
    await dispute(await voteOn(quoted, 'affirm', {}, stranger), quoted.shown)
    await dispute(await voteOn(quoted, 'affirm'), quoted.shown)
    expect([await statusOf(stranger), await statusOf(a), await statusOf(d)]).toEqual([
      'quarantined',
      'quarantined',
      'suspect',
    ])
    await close(b)
    await chain.place(d, 'active')
    // Convicted, it lies on at no cost.
    await dispute(await voteOn(quoted, 'affirm', { epoch: 3 }), quoted.shown)
    expect(await statusOf(d)).toBe('active')
  })

  it('makes nobody Active whom a quorum turned out, by the word of one accomplice', async () => {
    await chain.place(d, 'quarantined', { lastEpoch: 2, boot: 9 })
    const old = quoteOf({ boot: 3 })
    await dispute(await voteOn(old, 'mismatch'), old.shown)
    expect(await statusOf(d)).toBe('inactive')
  })

  it('never takes the last vote', async () => {
    for (const node of [b, c]) await chain.place(node, 'inactive')
    await dispute(await voteOn(falseAffirm(), 'affirm'), falseAffirm().shown)
    // D fell first, and A with its false vote is what is left.
    expect([await statusOf(d), await statusOf(a), await bondOf(a)]).toEqual(['suspect', 'active', 0n])
  })

  it('has no custom error that no test provokes', () => {
    expect(unprovoked('disputes')).toEqual(['MissingPrecompile'])
  })
})

/** r and s of a TPMT_SIGNATURE by ECDSA with 32-byte numbers. */
function disputeRS(signature: Uint8Array): [Hex, Hex] {
  return [toHex(signature.subarray(6, 38)), toHex(signature.subarray(40, 72))]
}
