import { expect, test } from 'vitest'
import { enlist } from './enlistment.ts'

const signal = AbortSignal.timeout(5_000)
const [self, other] = [`0x${'01'.repeat(20)}`, `0x${'02'.repeat(20)}`] as const

test("a TPM that another operator registered, or whose AK is of another kind, isn't joined with", async () => {
  const writer = { address: self, send: () => Promise.reject(new Error('nothing is sent')) }
  const record = { id: '0xaa', operator: other }
  const join = (nodes: object[], ak: Uint8Array) =>
    enlist({ node: '0xaa', contact: '{}', ak } as never, { facts: { nodes } } as never, writer, signal)
  const ours = { code: 'attest/not-our-node', message: expect.stringContaining(other) }
  await expect(join([record], new Uint8Array())).rejects.toMatchObject(ours)
  // TPMT_PUBLIC of an RSA key of 16 bits.
  const rsa = Uint8Array.from([0, 1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 16, 0, 16, 0, 16, 0, 0, 0, 0, 0, 2, 1, 1])
  await expect(join([], rsa)).rejects.toMatchObject({ code: 'attest/not-our-node' })
})
