import { readFileSync } from 'node:fs'
import { type Claims, fromHex, type Hex, leafHash, parseBundle, parseEvidence, toHex } from '@teapot-network/trust'
import { inclusionPath, treeRoot } from '@teapot-network/trust/encode'
import fc from 'fast-check'
import { decodeErrorResult, decodeEventLog, decodeFunctionResult, encodeDeployData, encodeFunctionData } from 'viem'
import { beforeAll, describe, expect, it } from 'vitest'
import { payOnProofAbi, payOnProofBytecode, proofVerifierAbi } from '../src/contracts.gen.ts'
import { equivocationCall, proofArgs, registerRunCall } from '../src/proof-calls.ts'
import { LedgerRevert } from '../src/revert.ts'
import { RpcError } from '../src/rpc.ts'
import { createNodes, useChain } from '../testing/chain.fixture.ts'
import { keyOf, sha256Hex, ZERO } from '../testing/chain.ts'
import {
  anchorAll,
  answer,
  createActor,
  createRun,
  RUNTIME_R,
  signCheckpoint,
  type TestActor,
  type TestResult,
  type TestRun,
} from '../testing/proof.ts'

type Args = ReturnType<typeof proofArgs>
type Registration = ReturnType<typeof registerRunCall>['args']

const [greeter, bare, keeper] = [
  createActor('greeter'),
  createActor('bare', [], fromHex('0x')),
  createActor('keeper', ['kv:get', 'kv:put']),
]
/** Of A are the proofs; B closes the epochs. */
const [a, b] = await createNodes('a', 'b')
const { chain, refuses, unprovoked, statusOf, bondOf, balanceOf, epochNow, ...network } = useChain({ genesis: [a, b] })
let run: TestRun

beforeAll(async () => {
  for (const node of [a, b]) await chain.register(node)
  for (const node of [a, b]) await chain.place(node, 'active')
  await chain.write(chain.committee, 'referenceValues', 'add', [RUNTIME_R, '0.1.0', 'linux-x64'])
  for (const actor of [greeter, bare, keeper]) await publish(actor)
  for (const { name } of [greeter, bare, keeper]) {
    await chain.write(chain.committee, 'codeRegistry', 'approve', [sha256Hex(name), 1n])
  }
  run = createRun(chain, a, [greeter, bare, keeper])
})

const publish = ({ name, kind, sha256, grants }: TestActor) =>
  chain.write(b.key, 'codeRegistry', 'publish', [name, kind, 1n, sha256, 'cid', toHex(grants)])
const register = (args: Registration) => chain.write(keyOf('anyone'), 'proofVerifier', 'registerRun', args)
const verify = (proof: Args) => chain.read('proofVerifier', 'verify', [proof])
const close = async (root: Hex) => (await network.close(b, root)).block

/** Registers what is needed, and puts all checkpoints under the root of one epoch. */
async function anchored(results: TestResult[], change: Parameters<TestResult['epochLeaf']>[1] = {}) {
  const known = new Set<string>()
  for (const { claims, parts } of results) {
    const { args } = registerRunCall(parseEvidence(parts.evidence), claims)
    const key = `${args[0]} ${claims.run} ${args[3]}`
    if (!known.has(key)) await register(args)
    known.add(key)
  }
  const epoch = await epochNow()
  const { root, anchors } = anchorAll(results.map((result) => result.epochLeaf(epoch, change)))
  const block = await close(root)
  return { block, bundles: results.map(({ parts }, i) => ({ ...parts, anchor: anchors[i]! })) }
}

/** A proof of A's greeter that holds. */
async function good(): Promise<Args> {
  return proofArgs((await anchored([answer(run, greeter)])).bundles[0]!)
}

describe('a proof', () => {
  it('tells what was proven, whatever else stands in the claims', async () => {
    const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => toHex(bytes))
    const variations = fc.record<Partial<Claims>>(
      {
        issuedAt: fc.maxSafeNat(),
        operation: fc.string({ unit: 'grapheme', maxLength: 300 }),
        request: digest,
        response: digest,
        outcome: fc.constantFrom('ok', 'actor/trapped', 'okay', ''),
        isolation: fc.constantFrom('process', 'namespaces'),
        block: fc.record({ number: fc.maxSafeNat(), hash: digest }),
        fuel: fc.maxSafeNat(),
        trace: digest,
        children: fc.array(digest, { minLength: 1, maxLength: 30 }),
      },
      { requiredKeys: ['request', 'response'] },
    )
    const results = fc.sample(variations, { seed: 5, numRuns: 24 }).map((change, i) => {
      return answer(run, [greeter, bare, keeper][i % 3]!, change)
    })
    const { block, bundles } = await anchored(results)
    for (const [i, { claims }] of results.entries()) {
      const { actor, request, response, outcome } = claims
      expect(await verify(proofArgs(bundles[i]!))).toEqual({
        ...{ node: a.id, actor: sha256Hex(actor.name), code: actor.sha256, request, response },
        ...{ ok: outcome === 'ok', anchoredBlock: BigInt(block) },
      })
    }
  })

  it('finds its leaf wherever it stands, in trees of every size, and nowhere else', async () => {
    const early = createRun(chain, a, [greeter], { checkpoint: { ...run.evidence.checkpoint, size: 0 } })
    const leaves = (size: number) => Array.from({ length: size }, (_, i) => leafHash(Uint8Array.of(i)))
    const results = leaves(7).flatMap((_, last) => {
      const size = last + 1
      return leaves(size).map((_, index) => {
        const path = (leaf: Uint8Array) => inclusionPath(leaves(size).with(index, leaf), index)
        const result = answer(early, greeter, {}, { index, size, path })
        const leaf = leafHash(fromHex(sha256Hex(Buffer.concat([result.parts.salt, result.parts.claims]))))
        expect(result.checkpoint.root).toBe(toHex(treeRoot(leaves(size).with(index, leaf))))
        return result
      })
    })
    const { bundles } = await anchored(results)
    for (const bundle of bundles) {
      const proof = proofArgs(bundle)
      await verify(proof)
      const [first, ...rest] = proof.path
      const wrong = [{ index: proof.index + 1n }, { path: [...proof.path, ZERO] }, ...(first ? [{ path: rest }] : [])]
      for (const change of wrong) await refuses(verify({ ...proof, ...change }), 'LeafNotInTree')
    }
  })

  it.each<[string, (proof: Args) => unknown, string]>([
    ['another salt', (p) => ({ salt: toHex(fromHex(p.salt).map((byte) => byte ^ 1)) }), 'LeafNotInTree'],
    [
      'other claims',
      (p) => ({ claims: p.claims.replace(sha256Hex('response').slice(2), ZERO.slice(2)) }),
      'LeafNotInTree',
    ],
    ['claims cut short', (p) => ({ claims: p.claims.slice(0, -2) }), 'MalformedClaims'],
    ['claims with more', (p) => ({ claims: `${p.claims}00` }), 'MalformedClaims'],
    [
      'a critical claim that nobody knows',
      (p) => ({ claims: `0xaf${p.claims.slice(4)}3a0001000e01` }),
      'MalformedClaims',
    ],
    ['an unknown claim', (p) => ({ claims: `0xaf${p.claims.slice(4)}3b000000010000000000` }), 'MalformedClaims'],
    ['another receipt key', (p) => ({ run: { ...p.run, x: p.run.y } }), 'RunNotRegistered'],
    [
      'a tree that the run did not sign',
      (p) => ({ checkpoint: { ...p.checkpoint, previousRoot: RUNTIME_R } }),
      'WrongCheckpointSignature',
    ],
    [
      'another sequence',
      (p) => ({ checkpoint: { ...p.checkpoint, sequence: p.checkpoint.sequence + 1n } }),
      'WrongCheckpointSignature',
    ],
    ['no signature', (p) => ({ checkpoint: { ...p.checkpoint, r: ZERO } }), 'WrongCheckpointSignature'],
    ['an epoch that is not closed', (p) => ({ anchor: { ...p.anchor, epoch: p.anchor.epoch + 1 } }), 'NotAnchored'],
    ['another leaf of the epoch', (p) => ({ anchor: { ...p.anchor, evidence: ZERO } }), 'NotAnchored'],
    ['a path that leads nowhere', (p) => ({ anchor: { ...p.anchor, index: 1n } }), 'NotAnchored'],
  ])('is refused with %s', async (_, change, error) => {
    const proof = await good()
    await refuses(verify({ ...proof, ...(change(proof) as Partial<Args>) }), error)
  })

  it.each<[string, (args: Registration) => Registration, string]>([
    ['qualifying data that does not open', ([n, o, q, e]) => [n, { ...o, nonce: ZERO }, q, e], 'NotOpened'],
    ['keys of another run', ([n, o, q, e]) => [n, { ...o, seal: ZERO }, q, e], 'NotOpened'],
    ['the quote of another node', ([, ...rest]) => [b.id, ...rest], 'WrongQuoteSignature'],
    ['another signature', ([n, o, q, e]) => [n, o, { ...q, r: q.s }, e], 'WrongQuoteSignature'],
    ['other PCRs', ([n, o, q, e]) => [n, o, { ...q, pcrValues: [ZERO, ZERO] }, e], 'WrongPcrs'],
    ['a log that does not replay to C', ([n, o, q, e]) => [n, o, { ...q, cLog: q.cLog.slice(1) }, e], 'WrongLog'],
    ['an actor that was not measured', ([n, o, q]) => [n, o, q, sha256Hex('rogue')], 'ActorNotMeasured'],
  ])('is of no run that is registered with %s', async (_, change, error) => {
    const { args } = registerRunCall(run.evidence, { actor: { ...greeter, version: 1 }, capabilities: [] })
    await refuses(register(change(args)), error)
  })

  it('is of this chain and registry: evidence made for others opens to nothing here', async () => {
    for (const chainOf of [{ id: 1 }, { registry: b.operator }]) {
      const elsewhere = createRun(chain, a, [greeter], { chain: { ...run.evidence.chain, ...chainOf } })
      await refuses(register(registerRunCall(elsewhere.evidence).args), 'NotOpened')
    }
    const [anchoredLater, plain] = ['anchored', 'plain'].map((name) => {
      return parseBundle(readFileSync(new URL(`../../spec/vectors/${name}.proof`, import.meta.url)))
    })
    const evidence = parseEvidence(plain!.evidence)
    await refuses(register(registerRunCall(evidence).args), 'WrongQuoteSignature', [evidence.node])
    for (const bundle of [anchoredLater!, plain!]) {
      expect(() => proofArgs(bundle)).toThrow(expect.objectContaining({ code: 'ledger/proof-not-anchored' }))
    }
  })

  it('is refused when any byte of the call is another, or proves the same', async () => {
    const proof = await good()
    const to = chain.deployment.proofVerifier
    const data = fromHex(encodeFunctionData({ abi: proofVerifierAbi, functionName: 'verify', args: [proof] }))
    const call = (bytes: Uint8Array) => chain.rpc('eth_call', { to, data: toHex(bytes), gas: '0x1000000' }, 'latest')
    const holds = await call(data)
    expect(decodeFunctionResult({ abi: proofVerifierAbi, functionName: 'verify', data: holds as Hex }).ok).toBe(true)
    for (let at = 4; at < data.length; at += 5) {
      const answered = await call(data.with(at, data[at]! ^ 0x41)).catch((error: unknown) => {
        if (!(error instanceof RpcError)) throw error
        return undefined
      })
      expect([undefined, holds], `byte ${at}`).toContain(answered)
    }
  })

  it('is of the run that its claims and checkpoint name, at the node whose log it is', async () => {
    const ofB = createRun(chain, b, [greeter])
    const other = createRun(chain, a, [greeter])
    for (const run of [ofB, other]) await register(registerRunCall(run.evidence, answer(run, greeter).claims).args)
    const { run: digest } = answer(other, greeter).claims
    const wrong: [TestResult, string][] = [
      [answer(run, greeter, { node: b.id }), 'RunNotRegistered'],
      [answer(run, greeter, { run: digest }), 'RunNotRegistered'],
      [answer(run, greeter, { actor: { ...greeter, sha256: ZERO, version: 1 } }), 'RunNotRegistered'],
      [answer(run, greeter, { capabilities: ['kv:get'] }), 'RunNotRegistered'],
      // The other run's key does sign, but not this one's.
      [answer({ ...run, receiptKey: other.receiptKey }, greeter), 'WrongCheckpointSignature'],
    ]
    await register(registerRunCall(run.evidence, answer(run, greeter).claims).args)
    for (const [{ parts, epochLeaf, claims }, error] of wrong) {
      const { root, anchors } = anchorAll([epochLeaf(await epochNow())])
      await close(root)
      const proof = verify(proofArgs({ ...parts, anchor: anchors[0]! }))
      await refuses(proof, error, [claims.node, claims.run])
    }
  })

  it('came after the quote that shows its actor measured', async () => {
    const early = [answer(run, greeter, {}, { index: 4 }), answer(run, greeter, {}, { sequence: 70_000 })]
    const { bundles } = await anchored(early)
    for (const bundle of bundles) await refuses(verify(proofArgs(bundle)), 'ResultBeforeQuote')
  })

  it('stands under the root of its epoch with this very tree of this very log', async () => {
    for (const change of [{ node: b.id }, { log: 4 }, { size: 9 }]) {
      const { bundles } = await anchored([answer(run, greeter)], change)
      await refuses(verify(proofArgs(bundles[0]!)), 'NotAnchored')
    }
    const { bundles } = await anchored([answer(run, greeter)], { root: ZERO })
    expect(() => proofArgs(bundles[0]!)).toThrow('affirmed')
  })

  it('holds where the node was Active when the anchor was closed, whatever became of it', async () => {
    const proof = await good()
    await chain.place(a, 'suspect')
    await chain.place(a, 'quarantined')
    await verify(proof)
    const { block, bundles } = await anchored([answer(run, greeter)])
    await chain.place(a, 'active')
    await refuses(verify(proofArgs(bundles[0]!)), 'NodeNotActive', [a.id, BigInt(block)])
    await verify(proof)
  })

  it('falls with its actor', async () => {
    const proof = await good()
    await chain.write(chain.committee, 'codeRegistry', 'revoke', [sha256Hex('greeter'), 1n])
    await refuses(verify(proof), 'ActorNotApproved')
  })

  it('falls with its runtime, and is of one that was registered', async () => {
    const proof = await good()
    await chain.write(chain.committee, 'referenceValues', 'revoke', [RUNTIME_R])
    await refuses(verify(proof), 'WrongRuntime', [RUNTIME_R])
    const unknown = createRun(chain, a, [greeter], { pcrR: sha256Hex('rootkit') })
    const { bundles } = await anchored([answer(unknown, greeter)])
    await refuses(verify(proofArgs(bundles[0]!)), 'WrongRuntime', [sha256Hex('rootkit')])
  })

  it('is of an actor that was approved', async () => {
    const waiting = createActor('waiting')
    await publish(waiting)
    for (const actor of [waiting, createActor('unheard of')]) {
      const { bundles } = await anchored([answer(createRun(chain, a, [actor]), actor)])
      await refuses(verify(proofArgs(bundles[0]!)), 'ActorNotApproved')
    }
  })
})

describe('PayOnProof', () => {
  it('pays its bounty once, for the named answer to the named request, to the operator of the node, and refuses everything else', async () => {
    const args = [chain.deployment.proofVerifier, sha256Hex('greeter'), greeter.sha256, sha256Hex('request')] as const
    const code = encodeDeployData({ abi: payOnProofAbi, bytecode: payOnProofBytecode, args })
    const { created: to } = await chain.send({ data: code, value: '0xde0b6b3a7640000' })
    const claim = async (proof: Args, { operator } = a) => {
      const data = encodeFunctionData({ abi: payOnProofAbi, functionName: 'claim', args: [proof, operator] })
      return chain.send({ to, data }).catch((error: LedgerRevert) => {
        const reverted = { abi: [...payOnProofAbi, ...proofVerifierAbi], data: (error.cause as RpcError).data! }
        throw new LedgerRevert('claim', decodeErrorResult(reverted).errorName, [], {})
      })
    }
    const balance = () => balanceOf(to)
    const wrong: Partial<Claims>[] = [{ request: ZERO }, { outcome: 'actor/trapped' }]
    const results = [...wrong.map((change) => answer(run, greeter, change)), answer(run, keeper), answer(run, greeter)]
    const proofs = (await anchored(results)).bundles.map(proofArgs)
    for (const proof of proofs.slice(0, 3)) await refuses(claim(proof), 'WrongResult')
    await refuses(claim({ ...proofs[3]!, salt: `0x${'00'.repeat(16)}` }), 'LeafNotInTree')
    // Whoever sees the proof on its way and is faster brings the money to the very same account, or nowhere.
    await refuses(claim(proofs[3]!, b), 'WrongOperator')
    expect(await balance()).toBe(10n ** 18n)
    const before = await balanceOf(a.operator)
    const { logs } = await claim(proofs[3]!)
    expect(decodeEventLog({ abi: payOnProofAbi, ...(logs[0] as { data: Hex; topics: [Hex] }) }).args).toMatchObject({
      to: expect.stringMatching(new RegExp(a.operator, 'i')),
      response: sha256Hex('response'),
    })
    expect([await balance(), await balanceOf(a.operator)]).toEqual([0n, before + 10n ** 18n])
    await refuses(claim(proofs[3]!), 'AlreadyPaid')
  })
})

describe('a log with two versions', () => {
  const signed = (by: TestRun, change: Partial<Parameters<typeof signCheckpoint>[1]> = {}) => {
    const { run: digest } = answer(by, greeter).claims
    const header = { node: a.id, log: 3, run: digest, sequence: 90_000, size: 9, root: RUNTIME_R, previousRoot: ZERO }
    return signCheckpoint(by.receiptKey, { ...header, ...change })
  }
  const convict = (one: TestRun, x: Parameters<typeof signed>[1], other: TestRun, y: Parameters<typeof signed>[1]) =>
    chain.write(
      keyOf('prover'),
      'proofVerifier',
      'equivocation',
      equivocationCall(one.evidence, signed(one, x), other.evidence, signed(other, y)).args,
    )

  it.each<[string, Parameters<typeof signed>[1]]>([
    ['size', { size: 10 }],
    ['root', { root: ZERO }],
    ['previous root', { previousRoot: RUNTIME_R }],
  ])('convicts its node by another %s under one number, once for each log, by any of its runs', async (_, change) => {
    const later = createRun(chain, a, [greeter])
    await refuses(convict(run, {}, later, change), 'RunNotRegistered')
    for (const { evidence } of [run, later]) await register(registerRunCall(evidence).args)
    await convict(run, {}, later, change)
    expect([await statusOf(a), await bondOf(a)]).toEqual(['quarantined', 0n])
    await chain.write(a.key, 'nodeRegistry', 'deposit', [], 10n ** 18n)
    await close(ZERO)
    await refuses(convict(run, {}, run, change), 'LogSettled', [a.id, 3n])
    const next = createRun(chain, a, [greeter], { checkpoint: { ...run.evidence.checkpoint, log: 4 } })
    await register(registerRunCall(next.evidence).args)
    await refuses(convict(next, {}, next, change), 'WrongCheckpointSignature')
  })

  it('settles no other: a node convicted for the last log there can be answers for those before', async () => {
    const last = createRun(chain, a, [greeter], { checkpoint: { ...run.evidence.checkpoint, log: 2 ** 48 } })
    for (const { evidence } of [run, last]) await register(registerRunCall(evidence).args)
    await convict(last, { log: 2 ** 48 }, last, { log: 2 ** 48, size: 10 })
    await chain.write(a.key, 'nodeRegistry', 'deposit', [], 10n ** 18n)
    await close(ZERO)
    await convict(run, {}, run, { size: 10 })
    expect(await bondOf(a)).toBe(0n)
  })

  it('is not one that went on, nor one that others signed', async () => {
    await register(registerRunCall(run.evidence).args)
    await refuses(convict(run, {}, run, {}), 'NoEquivocation', [a.id])
    await refuses(convict(run, {}, run, { size: 10, sequence: 90_001 }), 'NoEquivocation', [a.id])
    const forged = { ...run, receiptKey: createRun(chain, a, []).receiptKey }
    await refuses(convict(run, {}, forged, { size: 10 }), 'WrongCheckpointSignature')
  })

  it('has no custom error that no test provokes', () => {
    const ofLibraries = ['MalformedQuote', 'MissingPrecompile']
    expect(unprovoked('proofVerifier')).toEqual(ofLibraries)
  })
})
