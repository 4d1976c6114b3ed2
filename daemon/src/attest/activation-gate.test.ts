import { type Hex, type NodeStatus, toHex } from '@teapot-network/trust'
import { beforeEach, expect, test } from 'vitest'
import type { LatticeMethod } from '../lattice/lattice.ts'
import { type Asker, createActivationGate, encodeActivation } from './activation-gate.ts'
import { factsWith, id, node } from './round.fixture.ts'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
const keys = await Promise.all([1, 2].map(() => crypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])))
const points = await Promise.all(
  keys.map(async ({ publicKey }) => toHex(new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)))),
)
const sealed = { credentialBlob: Uint8Array.of(1, 2), encryptedSecret: Uint8Array.of(3) }
const network = { chainId: 31337, attestation: `0x${'aa'.repeat(20)}` as const }
const PEER = id(0xbeef)
const { signal } = new AbortController()

let gate: LatticeMethod
/** What the asked node's ledger calls each asker. */
let standing: NodeStatus | undefined
/** Activations begun; each ends when it is told to. */
let begun: PromiseWithResolvers<Uint8Array>[]

beforeEach(() => {
  ;[standing, begun] = ['active', []]
  const askers = Array.from({ length: 12 }, (_, i) => i + 1)
  gate = createActivationGate({
    ...{ ...network, self: id(100) },
    facts: () =>
      standing && factsWith(...askers.map((n) => ({ ...node(n, standing!), voteKey: points[n === 2 ? 1 : 0]! }))),
    activate() {
      begun.push(Promise.withResolvers())
      return begun.at(-1)!.promise
    },
  })
})

/** A request of node `n`, signed by the first key unless it is node 2's. */
function request(n: number, said: Partial<Asker & { asked: Hex }> = {}, shown = sealed): Promise<Uint8Array> {
  const [voteKey, self, asked] = [keys[n === 2 ? 1 : 0]!.privateKey, id(n), said.asked ?? id(100)]
  return encodeActivation({ ...network, self, peerKey: PEER, voteKey, ...said }, asked, shown)
}
const refusal = { code: 'attest/not-a-verifier' }

test('a Verifier is answered what the TPM released', async () => {
  const answer = gate(await request(1), PEER, signal)
  await expect.poll(() => begun).toHaveLength(1)
  begun[0]!.resolve(Uint8Array.of(7))
  expect(await answer).toEqual(Uint8Array.of(7))
})

test.each(['pending', 'suspect', 'quarantined', 'inactive', 'retired', undefined] as const)(
  'whom the ledger calls %s has no TPM at its service',
  async (now) => {
    standing = now
    await expect(gate(await request(1), PEER, signal)).rejects.toMatchObject(refusal)
    expect(begun).toEqual([])
  },
)

test.each([
  ['in the name of another', { self: id(2) }],
  ['by no node', { self: id(50) }],
  ['on another chain', { chainId: 1 }],
  ['in another network', { attestation: `0x${'bb'.repeat(20)}` as const }],
  ['for another node', { asked: id(101) }],
  ['from another connection', { peerKey: id(0xdead) }],
])('what is asked for %s is refused before it takes a place', async (_, said) => {
  await expect(gate(await request(1, said), PEER, signal)).rejects.toMatchObject(refusal)
  expect(begun).toEqual([])
})

test('a request cannot be used with another credential', async () => {
  const signature = (await request(1)).subarray(-64)
  for (const other of [
    { ...sealed, credentialBlob: Uint8Array.of(9, 2) },
    { ...sealed, encryptedSecret: Uint8Array.of(9) },
  ]) {
    const altered = await request(1, {}, other)
    altered.set(signature, altered.length - 64)
    await expect(gate(altered, PEER, signal)).rejects.toMatchObject(refusal)
  }
  expect(begun).toEqual([])
})

test('of one Verifier there is one at a time, of all together eight', async () => {
  const answers = [gate(await request(1), PEER, signal)]
  const busy = { code: 'lattice/busy', kind: 'unavailable' }
  await expect(gate(await request(1), PEER, signal)).rejects.toMatchObject(busy)
  for (let n = 2; n <= 8; n++) answers.push(gate(await request(n), PEER, signal))
  await expect.poll(() => begun).toHaveLength(8)
  await expect(gate(await request(9), PEER, signal)).rejects.toMatchObject(busy)
  for (const { resolve } of begun) resolve(new Uint8Array())
  await Promise.all(answers)
  for (const n of [1, 9]) answers.push(gate(await request(n), PEER, signal))
  await expect.poll(() => begun).toHaveLength(10)
  for (const { resolve } of begun) resolve(new Uint8Array())
  await Promise.all(answers)
})
