import { toHex } from '@teapot-network/trust'
import { encodeDeployData, encodeFunctionData } from 'viem'
import { seedCommitment } from '../src/commitment.ts'
import { payOnProofAbi, payOnProofBytecode } from '../src/contracts.gen.ts'
import { proofArgs, registerRunCall } from '../src/proof-calls.ts'
import { statementOf } from '../src/round.ts'
import {
  type Chain,
  createNode,
  keyOf,
  MIN_EPOCH_SECONDS,
  type Mined,
  sha256Hex,
  startChain,
  type TestNode,
} from './chain.ts'
import { anchorAll, answer, createActor, createRun, madeUp, RUNTIME_R, type TestActor } from './proof.ts'
import { quoteBy } from './quote.ts'

/** A power of four: no walk of the permutation is longer than another, so that gas is the same in each run. */
const NODES = 16
const EPOCHS_AVERAGED = 2

type Note = (name: string, gas: Mined | number) => void

/** Gas of the transactions that a network lives on, on a fresh chain. Signatures and run keys differ each time: by a few hundred gas. */
export async function measureGas(): Promise<Record<string, number>> {
  const nodes = await Promise.all(Array.from({ length: NODES }, (_, i) => createNode(`node ${i}`)))
  await using chain = await startChain({ genesis: nodes })
  const gas: Record<string, number> = {}
  const note: Note = (name, cost) => {
    gas[name] = typeof cost === 'number' ? Math.round(cost) : cost.gasUsed
  }
  await publishing(chain, nodes[0]!, note)
  for (const node of nodes) note('NodeRegistry.register', await chain.register(node, 2n * 10n ** 18n))
  await epochs(chain, nodes, note)
  await changes(chain, nodes, note)
  await disputes(chain, nodes, note)
  await proofs(chain, nodes, note)
  return gas
}

async function publishing(chain: Chain, publisher: TestNode, note: Note): Promise<void> {
  for (const [version, which] of [
    [1n, 'first'],
    [2n, 'next'],
  ] as const) {
    const content = [version, sha256Hex(`content ${version}`), `bafkrei${'a'.repeat(52)}`] as const
    const args = ['acme/hello', 3, ...content, '0x81676b763a72656164'] as const
    note(`CodeRegistry.publish, ${which}`, await chain.write(publisher.key, 'codeRegistry', 'publish', args))
    const approved = [sha256Hex('acme/hello'), version] as const
    note(`CodeRegistry.approve, ${which}`, await chain.write(chain.committee, 'codeRegistry', 'approve', approved))
  }
  const value = [sha256Hex('r'), '0.1.0', 'linux-x64'] as const
  note('ReferenceValues.add', await chain.write(chain.committee, 'referenceValues', 'add', value))
}

/** Epochs in which nothing happens but their seeds. Until all slots are used, they cost more. */
async function epochs(chain: Chain, nodes: TestNode[], note: Note): Promise<void> {
  const spent = { commit: [] as number[], reveal: [] as number[], close: [] as number[] }
  const average = (costs: number[]) => costs.reduce((sum, cost) => sum + cost, 0) / costs.length
  for (let epoch = 1; epoch <= 7 + EPOCHS_AVERAGED; epoch++) {
    const round = await chain.read('attestation', 'current', [])
    for (const { epoch: of, contributors, committed } of round.beacons) {
      for (const [position, id] of contributors.entries()) {
        const { key } = nodes.find((node) => node.id === id)!
        const functionName = of === epoch + 2 ? 'commit' : 'reveal'
        if (functionName === 'reveal' && !((committed >> position) & 1)) continue
        const secret = keyOf(`secret ${of}`)
        const args = [of, functionName === 'commit' ? seedCommitment(of, id, secret) : secret] as const
        spent[functionName].push((await chain.write(key, 'attestation', functionName, args)).gasUsed)
      }
    }
    spent.close.push((await close(chain, nodes[0]!, epoch, [])).gasUsed)
  }
  note('Attestation.commit', average(spent.commit.slice(-3 * EPOCHS_AVERAGED)))
  note('Attestation.reveal', average(spent.reveal.slice(-3 * EPOCHS_AVERAGED)))
  note('Attestation.closeEpoch, no change', average(spent.close.slice(-EPOCHS_AVERAGED)))
}

async function changes(chain: Chain, nodes: TestNode[], note: Note): Promise<void> {
  const [subject] = nodes as [TestNode]
  const { epoch } = await chain.read('attestation', 'current', [])
  for (const [i, outcome] of (['affirm', 'mismatch'] as const).entries()) {
    const drawn = await chain.read('attestation', 'assignedOf', [epoch + i, subject.id])
    const voters = drawn.slice(0, 4).map((id) => nodes.find((node) => node.id === id)!)
    const vote = { node: subject.id, epoch: epoch + i, run: sha256Hex('run'), boot: 1, evidence: sha256Hex('evidence') }
    const change = await chain.change({ ...vote, outcome, quote: sha256Hex('quote') }, voters)
    const report = await chain.write(nodes[1]!.key, 'attestation', 'report', [epoch + i, [change]])
    note(`Attestation.report, one ${outcome} by 4 of 5 drawn`, report)
    await close(chain, nodes[1]!, epoch + i, [])
  }
  const size = (of: number) => viewed(chain, 'attestation', 'permutation', [sha256Hex('seed'), of])
  note('Shuffle.positionOf, one walk', ((await size(256)) - (await size(64))) / 192)
}

async function disputes(chain: Chain, nodes: TestNode[], note: Note): Promise<void> {
  const [, prover, subject, ...voters] = nodes as [TestNode, TestNode, TestNode, ...TestNode[]]
  for (const node of [subject, ...voters.slice(0, 3)]) await chain.place(node, 'active')
  const epoch = await chain.read('attestation', 'epochNow', [])
  const rLog = [sha256Hex('launcher'), sha256Hex('rootkit')]
  for (const entries of [undefined, 1, 33]) {
    const quoted = quoteBy(subject.ak, {
      rLog,
      cLog: Array.from({ length: entries ?? 1 }, (_, i) => sha256Hex(`${i}`)),
    })
    const voter = voters.shift()!
    const what = {
      node: subject.id,
      outcome: 'affirm',
      epoch,
      run: sha256Hex('run'),
      evidence: sha256Hex('ev'),
    } as const
    const vote = statementOf(await chain.signed({ ...what, boot: quoted.boot, quote: quoted.quote }, voter))
    const { shown, shownR } = quoted
    if (entries === undefined) {
      const { attest, r, s } = shown
      note('Disputes.quoteOf', await viewed(chain, 'disputes', 'quoteOf', [subject.id, attest, r, s]))
      const args = [...vote, { ...shown, ...shownR }] as const
      note('Disputes.disputeR', await chain.write(prover.key, 'disputes', 'disputeR', args))
    } else {
      const cost = await chain.write(prover.key, 'disputes', 'dispute', [...vote, shown])
      note(`Disputes.dispute, ${entries} ${entries === 1 ? 'entry' : 'entries'}`, cost)
    }
    await chain.place(subject, 'active')
  }
}

/** How many leaves the log of the node has, and the epoch that anchors it; and how much is measured in C. */
const [LOG_SIZE, EPOCH_SIZE, ENTRIES] = [1_000_000, 1_000, 8]

/** A proof by evidence with all PCRs of a measured boot. */
async function proofs(chain: Chain, nodes: TestNode[], note: Note): Promise<void> {
  const [reporter, node] = [nodes[1]!, nodes.at(-1)!]
  const actors = Array.from({ length: ENTRIES }, (_, i) => createActor(`acme/actor-${i}`, ['kv:get']))
  const [actor] = actors as [TestActor]
  const content = [actor.sha256, 'cid', toHex(actor.grants)] as const
  await chain.write(reporter.key, 'codeRegistry', 'publish', [actor.name, 3, 1n, ...content])
  await chain.write(chain.committee, 'codeRegistry', 'approve', [sha256Hex(actor.name), 1n])
  await chain.write(chain.committee, 'referenceValues', 'add', [RUNTIME_R, '0.1.0', 'linux-x64'])
  await chain.place(node, 'active')
  const pcrs = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [i, sha256Hex(`PCR ${i}`)]))
  const run = createRun(chain, node, actors, { pcrs })
  const place = { size: LOG_SIZE, index: 777_777, path: madeUp(20) }
  const result = answer(run, actor, { fuel: 1_000_000, trace: sha256Hex('trace') }, place)
  const registration = registerRunCall(run.evidence, result.claims).args
  note('ProofVerifier.registerRun', await chain.write(keyOf('viewer'), 'proofVerifier', 'registerRun', registration))
  const epoch = await chain.read('attestation', 'epochNow', [])
  const { root, anchors } = anchorAll(Array.from({ length: EPOCH_SIZE }, () => result.epochLeaf(epoch)))
  await close(chain, reporter, epoch, [], root)
  const proof = proofArgs({ ...result.parts, anchor: anchors[Math.floor(EPOCH_SIZE / 3)]! })
  note('ProofVerifier.verify', await viewed(chain, 'proofVerifier', 'verify', [proof]))
  const { proofVerifier } = chain.deployment
  const args = [proofVerifier, sha256Hex(actor.name), actor.sha256, result.claims.request] as const
  const data = encodeDeployData({ abi: payOnProofAbi, bytecode: payOnProofBytecode, args })
  const { created: to } = await chain.send({ data, value: '0xde0b6b3a7640000' })
  const claim = encodeFunctionData({ abi: payOnProofAbi, functionName: 'claim', args: [proof, node.operator] })
  note('PayOnProof.claim', await chain.send({ to, data: claim }))
}

async function close(
  chain: Chain,
  reporter: TestNode,
  epoch: number,
  changes: [],
  root = sha256Hex(`root ${epoch}`),
): Promise<Mined> {
  await chain.elapse(MIN_EPOCH_SECONDS)
  const args = [epoch, root, sha256Hex(`leaves ${epoch}`), changes] as const
  return chain.write(reporter.key, 'attestation', 'closeEpoch', args)
}

/** What a view costs when a transaction calls it. */
async function viewed(
  chain: Chain,
  contract: 'attestation' | 'disputes' | 'proofVerifier',
  functionName: 'permutation' | 'quoteOf' | 'verify',
  args: unknown[],
): Promise<number> {
  return (await chain.write(keyOf('viewer'), contract, functionName as never, args as never)).gasUsed
}
