import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Hex, parseAttest, toHex } from '@teapot-network/trust'
import { describe, expect, test } from 'vitest'
import { checkQuote } from './checkquote.fixture.ts'

/** Whole boots of emulated machines, kept beside the checkout. */
const samples = join(import.meta.dirname, '../../../../shared/samples')
const folder = join(samples, 'box')
const present = existsSync(folder)
if (!present) console.warn('SKIPPED: the quotes of ../shared/samples, as it is not there')
const MACHINES = [
  'x64-tcg-tis',
  'x64-secureboot-sea',
  'x64-verity-sea',
  'arm64-tcg-tis',
  'x64-tampered-js',
  'x64-tmpfs-noramfs',
]

describe.skipIf(!present)('tpm2_checkquote accepts the quote over 15 PCRs', () => {
  test.each(MACHINES)('of %s, and refuses it with another PCR value', async (machine) => {
    const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, machine, name)))
    const file: Record<string, string> = JSON.parse(Buffer.from(read('pcrs.json')).toString())
    const pcrs: Record<number, Hex> = {}
    for (const [key, value] of Object.entries(file)) pcrs[Number(key.split(':')[1])] = `0x${value.toLowerCase()}`
    const quote = { attest: read('quote.attest'), signature: read('quote.sig'), pcrs }
    const ak = read('ak.tpmt_public')
    const nonce = toHex(read('nonce.bin'))
    await checkQuote(ak, quote, nonce)
    await expect(checkQuote(ak, { ...quote, pcrs: { ...pcrs, 4: pcrs[0]! } }, nonce)).rejects.toThrow()
  })
  test('or over eleven, of another software TPM', async () => {
    const read = (name: string): Uint8Array => new Uint8Array(readFileSync(join(samples, 'tpm/own-swtpm', name)))
    const attest = read('quote.msg')
    const { selection, extraData } = parseAttest(attest)
    const selected = selection[0]!.pcrs
    const values = read('quote.pcrs')
    const pcrs = Object.fromEntries(selected.map((pcr, i) => [pcr, toHex(values.slice(i * 32, i * 32 + 32))]))
    expect(selected).toHaveLength(11)
    await checkQuote(read('ak.tpm2b').subarray(2), { attest, signature: read('quote.sig'), pcrs }, toHex(extraData))
  })
})
