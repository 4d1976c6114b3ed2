import type { webcrypto } from 'node:crypto'
import { existsSync } from 'node:fs'
import { encodeRegistration } from '@teapot-network/ledger'
import { akPoint, digestOf, fromHex, parseAttest, toHex, verifyEs256 } from '@teapot-network/trust'
import { expect, test } from 'vitest'
import { createAttester, createTpm } from '../tpm/index.ts'
import { createSwtpm } from '../tpm/swtpm.fixture.ts'
import { enlist } from './enlistment.ts'

const NEEDS = existsSync('/usr/bin/swtpm_setup') ? '' : ' (needs swtpm)'

const { signal } = new AbortController()
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

test.skipIf(NEEDS)(
  `a node registers with a quote of what it registers, and of nothing that evidence needs${NEEDS}`,
  async () => {
    await using swtpm = await createSwtpm()
    await using tpm = createTpm({ socket: swtpm.socket })
    const attester = await createAttester(tpm)
    const p256 = { name: 'ECDSA', namedCurve: 'P-256' }
    const keys = (await crypto.subtle.generateKey(p256, false, ['sign'])) as webcrypto.CryptoKeyPair
    const voteKey = toHex(new Uint8Array(await crypto.subtle.exportKey('raw', keys.publicKey)))
    const sent: { functionName: string; args: readonly unknown[]; valueWei?: bigint }[] = []
    const writer = { address: self, send: async (call: never) => void sent.push(call) }
    const facts = { chainId: 31337, registry: other, nodes: [] }
    const own = { ...attester, vote: keys.privateKey, voteKey, contact: '{}' }
    expect(await enlist(own, { facts, minBondWei: 2n } as never, writer as never, signal)).toBe('registered')

    const said = {
      chainId: 31337,
      registry: other,
      operator: self,
      ekDigest: attester.ekDigest,
      voteKey,
      contact: '{}',
    }
    const [, shown] = sent[0]!.args as [object, Record<'attest' | 'akR' | 'akS' | 'voteR' | 'voteS', `0x${string}`>]
    expect(sent).toMatchObject([{ functionName: 'register', valueWei: 3n }])
    const attest = fromHex(shown.attest)
    const { extraData, selection } = parseAttest(attest)
    expect(toHex(extraData)).toBe(digestOf(encodeRegistration(said)))
    expect([attest.length, selection.map(({ pcrs }) => pcrs)]).toEqual([145, [[0]]])
    const signed = [
      [attest, shown.akR, shown.akS, akPoint(attester.ak)!],
      [encodeRegistration(said), shown.voteR, shown.voteS, fromHex(voteKey)],
    ] as const
    for (const [bytes, r, s, key] of signed) {
      expect(await verifyEs256(key, bytes, fromHex(`0x${r.slice(2)}${s.slice(2)}`))).toBe(true)
    }
  },
)
