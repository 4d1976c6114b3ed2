import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { decodeCbor, type Evidence, type NodeRecord, toHex } from '@teapot-network/trust'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Lattice } from '../lattice/lattice.ts'
import { type Attester, createAttester, createTpm, type Tpm } from '../tpm/index.ts'
import { createSwtpm, type Swtpm } from '../tpm/swtpm.fixture.ts'
import { type Asker, createActivationGate } from './activation-gate.ts'
import { openEnrolmentBook } from './enrolment.ts'
import { factsWith, id, node as nodeOf } from './round.fixture.ts'

const NEEDS = existsSync('/usr/bin/swtpm_setup') ? '' : ' (needs swtpm)'
const { signal } = new AbortController()

let swtpm: Swtpm
let tpm: Tpm
let attester: Attester
let asker: Asker
let voteKey: `0x${string}`

beforeAll(async () => {
  if (NEEDS) return
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const keys = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify'])
  voteKey = toHex(new Uint8Array(await crypto.subtle.exportKey('raw', keys.publicKey)))
  const network = { chainId: 31337, attestation: `0x${'aa'.repeat(20)}` as const }
  asker = { ...network, self: id(1), peerKey: id(2), voteKey: keys.privateKey }
  swtpm = await createSwtpm()
  tpm = createTpm({ socket: swtpm.socket })
  attester = await createAttester(tpm)
})
afterAll(async () => {
  await tpm?.[Symbol.asyncDispose]()
  await swtpm?.[Symbol.asyncDispose]()
})

/** A lattice of one peer that answers as it is told; counts what it was asked. */
function peer(answer: (body: Uint8Array) => Promise<Uint8Array>): { lattice: Lattice; asked: () => number } {
  let asked = 0
  const lattice = {
    async request(_address: string, method: string, body: Uint8Array) {
      expect(method).toBe('activate')
      asked++
      return { body: await answer(body), peerKey: '0x' as const }
    },
  }
  return { lattice: lattice as unknown as Lattice, asked: () => asked }
}

/** The node's side, to whose ledger the asker is a Verifier. */
function gate(): (body: Uint8Array) => Promise<Uint8Array> {
  const { chainId, attestation, self, peerKey } = asker
  const facts = () => factsWith({ ...nodeOf(1, 'active'), id: self, voteKey })
  const method = createActivationGate({ chainId, attestation, self: attester.node, facts, activate: attester.activate })
  return (body) => method(body, peerKey, signal)
}

const node = () => ({ id: attester.node, ekDigest: attester.ekDigest }) as NodeRecord
const evidence = () => ({ ak: attester.ak, ek: attester.ek }) as Evidence

test.skipIf(NEEDS)(`a node whose TPM releases the secret is enrolled, once for each Verifier${NEEDS}`, async () => {
  const { lattice, asked } = peer(gate())
  const path = join(swtpm.folder, 'book.json')
  const book = await openEnrolmentBook(path, lattice, asker)
  await book.require(node(), evidence(), 'a', signal)
  await book.require(node(), evidence(), 'a', signal)
  const again = await openEnrolmentBook(path, lattice, asker)
  await again.require(node(), evidence(), 'a', signal)
  expect(asked()).toBe(1)
})

test.skipIf(NEEDS)(
  `a node that answers with anything but the secret is not enrolled, and is asked again${NEEDS}`,
  async () => {
    const { lattice, asked } = peer(async (body) => {
      expect(decodeCbor(body)).toHaveLength(4)
      return new Uint8Array(32)
    })
    const book = await openEnrolmentBook(join(swtpm.folder, 'empty.json'), lattice, asker)
    for (let i = 1; i <= 2; i++) {
      const enrolling = book.require(node(), evidence(), 'a', signal)
      await expect(enrolling).rejects.toMatchObject({ code: 'attest/not-activated' })
      expect(asked()).toBe(i)
    }
  },
)

test.skipIf(NEEDS)(`a new EK certificate of the same node is a new enrolment${NEEDS}`, async () => {
  const { lattice, asked } = peer(gate())
  const book = await openEnrolmentBook(join(swtpm.folder, 'other.json'), lattice, asker)
  await book.require(node(), evidence(), 'a', signal)
  await book.require({ ...node(), ekDigest: `0x${'12'.repeat(32)}` as const }, evidence(), 'a', signal)
  expect(asked()).toBe(2)
})
