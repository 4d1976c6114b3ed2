import { readFileSync } from 'node:fs'
import { concatBytes, fromHex, type Hex, parseEvidence, toHex } from '@teapot-network/trust'
import { shownDigest, signVote, type Vote } from '@teapot-network/trust/vote'
import { concatHex, keccak256, numberToHex } from 'viem'
import { describe, expect, it } from 'vitest'
import { disputeOf } from '../src/dispute.ts'
import { refusalOf } from '../testing/chain.fixture.ts'
import { createNode, sha256Hex, type TestNode, ZERO } from '../testing/chain.ts'
import { PROVER, R, UNKNOWN, useDisputes } from '../testing/disputes.fixture.ts'
import { replay } from '../testing/quote.ts'

const { nodes, chain, refuses, unprovoked, statusOf, ...network } = await useDisputes()
const { quote, quoteOf, voteOn, dispute, addR, close } = network
const [a, b, c, d] = nodes

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
    const moved = quote(c)
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
    const wide = quoteOf({
      rLog: UNKNOWN,
      pcrs: { 0: ZERO, 7: R, 12: replay(UNKNOWN), 13: replay(quoteOf().shown.cLog), 14: R },
    })
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

  it('is read from a quote of a genuine software TPM, from the evidence that the vote names', async () => {
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

  it('leaves no custom error unprovoked but of what needs no quote', () => {
    expect(unprovoked('disputes')).toEqual(['MissingPrecompile', 'NoEquivocation'])
  })
})

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
  const said = record + slotOf('said', 'struct NodeRegistry.Record')
  for (const [label, value] of Object.entries({ akX, akY })) {
    const slot = numberToHex(said + slotOf(label, 'struct INodeRegistry.Registration'), { size: 32 })
    await chain.rpc('anvil_setStorageAt', chain.deployment.nodeRegistry, slot, value)
  }
}

/** r and s of a TPMT_SIGNATURE by ECDSA with 32-byte numbers. */
function disputeRS(signature: Uint8Array): [Hex, Hex] {
  return [toHex(signature.subarray(6, 38)), toHex(signature.subarray(40, 72))]
}
