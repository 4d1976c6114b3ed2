import type { Hex } from '@teapot-network/trust'
import { createNode, MIN_EPOCH_SECONDS, type Mined, sha256Hex, startChain } from './chain.ts'

/** Gas of the transactions that a network lives on, on a fresh chain. Signatures and keys differ in each run: by a few hundred gas. */
export async function measureGas(): Promise<Record<string, number>> {
  const genesis = await Promise.all(['a', 'b', 'c', 'd'].map(createNode))
  const [first] = genesis.sort((x, y) => (x.id < y.id ? -1 : 1))
  const newcomer = await createNode('newcomer')
  await using chain = await startChain({ genesis })
  const gas: Record<string, number> = {}
  const note = (name: string, { gasUsed }: Mined) => {
    gas[name] = gasUsed
  }

  const nameHash = sha256Hex('acme/hello')
  for (const [version, which] of [
    [1n, 'first'],
    [2n, 'next'],
  ] as const) {
    const cid = `bafkrei${'a'.repeat(52)}`
    const args = [
      'acme/hello',
      3,
      version,
      sha256Hex(`content ${version}`),
      cid,
      '0x81676b763a72656164' as Hex,
    ] as const
    note(`CodeRegistry.publish, ${which}`, await chain.write(first!.key, 'codeRegistry', 'publish', args))
    const approved = await chain.write(chain.committee, 'codeRegistry', 'approve', [nameHash, version])
    note(`CodeRegistry.approve, ${which}`, approved)
  }
  const value = [sha256Hex('r'), '0.1.0', 'linux-x64'] as const
  note('ReferenceValues.add', await chain.write(chain.committee, 'referenceValues', 'add', value))
  for (const node of [...genesis, newcomer]) note('NodeRegistry.register', await chain.register(node))

  const close = async (epoch: number, outcome: 'affirm' | 'mismatch' | undefined) => {
    await chain.elapse(MIN_EPOCH_SECONDS)
    const vote = { node: newcomer.id, epoch, run: sha256Hex('run'), boot: 1, evidence: sha256Hex('evidence') }
    const changes = outcome ? [await chain.change({ ...vote, outcome }, genesis.slice(0, 3))] : []
    return chain.write(first!.key, 'attestation', 'closeEpoch', [epoch, sha256Hex(`root ${epoch}`), changes])
  }
  note('Attestation.closeEpoch, no change', await close(1, undefined))
  note('Attestation.closeEpoch, one change by 3 votes', await close(2, 'affirm'))
  note('Attestation.closeEpoch, one demotion by 3 votes', await close(3, 'mismatch'))
  return gas
}
