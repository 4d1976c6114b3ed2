import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { decodeCbor, type Evidence, type NodeRecord } from '@teapot-network/trust'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Lattice } from '../lattice/lattice.ts'
import { type Attester, createAttester, createTpm, type Tpm } from '../tpm/index.ts'
import { createSwtpm, type Swtpm } from '../tpm/swtpm.fixture.ts'
import { openEnrolmentBook, parseActivation } from './enrolment.ts'

const NEEDS = existsSync('/usr/bin/swtpm_setup') ? '' : ' (needs swtpm)'
const signal = AbortSignal.timeout(60_000)

let swtpm: Swtpm
let tpm: Tpm
let attester: Attester

beforeAll(async () => {
  if (NEEDS) return
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

const node = () => ({ id: attester.node, ekDigest: attester.ekDigest }) as NodeRecord
const evidence = () => ({ ak: attester.ak, ek: attester.ek }) as Evidence

test.skipIf(NEEDS)(`a node whose TPM releases the secret is enrolled, once for each Verifier${NEEDS}`, async () => {
  const { lattice, asked } = peer((body) => attester.activate(parseActivation(body)))
  const path = join(swtpm.folder, 'book.json')
  const book = await openEnrolmentBook(path, lattice)
  await book.require(node(), evidence(), 'a', signal)
  await book.require(node(), evidence(), 'a', signal)
  const again = await openEnrolmentBook(path, lattice)
  await again.require(node(), evidence(), 'a', signal)
  expect(asked()).toBe(1)
})

test.skipIf(NEEDS)(
  `a node that answers with anything but the secret is not enrolled, and is asked again${NEEDS}`,
  async () => {
    const { lattice, asked } = peer(async (body) => {
      expect(decodeCbor(body)).toHaveLength(2)
      return new Uint8Array(32)
    })
    const book = await openEnrolmentBook(join(swtpm.folder, 'empty.json'), lattice)
    for (let i = 1; i <= 2; i++) {
      const enrolling = book.require(node(), evidence(), 'a', signal)
      await expect(enrolling).rejects.toMatchObject({ code: 'attest/not-activated' })
      expect(asked()).toBe(i)
    }
  },
)

test.skipIf(NEEDS)(`a new EK certificate of the same node is a new enrolment${NEEDS}`, async () => {
  const { lattice, asked } = peer((body) => attester.activate(parseActivation(body)))
  const book = await openEnrolmentBook(join(swtpm.folder, 'other.json'), lattice)
  await book.require(node(), evidence(), 'a', signal)
  await book.require({ ...node(), ekDigest: `0x${'12'.repeat(32)}` as const }, evidence(), 'a', signal)
  expect(asked()).toBe(2)
})
