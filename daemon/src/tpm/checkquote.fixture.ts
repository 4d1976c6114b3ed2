import { execFile } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fromHex, type Hex } from '@teapot-network/trust'
import type { Quote } from './pcrs.ts'

/** Has tpm2_checkquote judge a quote by a P-256 AK (TPMT_PUBLIC); rejects when it refuses. */
export async function checkQuote(ak: Uint8Array, quote: Quote, nonce: Hex): Promise<void> {
  const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
  const jwk = { kty: 'EC', crv: 'P-256', x: base64url(ak.slice(-66, -34)), y: base64url(ak.slice(-32)) }
  const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const folder = await mkdtemp(join(tmpdir(), 'teapot-quote-'))
  const path = (name: string): string => join(folder, name)
  try {
    const files = { ak: pem, attest: quote.attest, signature: quote.signature, pcrs: serialized(quote.pcrs) }
    for (const [name, content] of Object.entries(files)) await writeFile(path(name), content)
    await promisify(execFile)('tpm2_checkquote', [
      ...['-u', path('ak'), '-m', path('attest'), '-s', path('signature'), '-g', 'sha256'],
      ...['-f', path('pcrs'), '-q', nonce.slice(2)],
    ])
  } finally {
    await rm(folder, { recursive: true })
  }
}

/**
 * PCR values as tpm2-tools writes them: its own little-endian C structs, one TPML_PCR_SELECTION and a TPML_DIGEST for each eight values.
 * (`checkquote -l` of 5.4 counts wrongly above eight.)
 */
function serialized(pcrs: Record<number, Hex>): Buffer {
  const values = Object.values(pcrs)
  const lists = Math.ceil(values.length / 8)
  const file = Buffer.alloc(136 + lists * 532)
  file.writeUInt32LE(1, 0)
  file.writeUInt16LE(0x000b, 4)
  file[6] = 3
  for (const pcr of Object.keys(pcrs).map(Number)) file[7 + (pcr >> 3)]! |= 1 << (pcr & 7)
  file.writeUInt32LE(lists, 132)
  values.forEach((value, i) => {
    const list = 136 + (i >> 3) * 532
    file.writeUInt32LE((i & 7) + 1, list)
    file.writeUInt16LE(32, list + 4 + (i & 7) * 66)
    file.set(fromHex(value), list + 6 + (i & 7) * 66)
  })
  return file
}
