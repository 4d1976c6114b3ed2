import { equalBytes } from '../bytes.ts'
import { sha256 } from '../digest.ts'
import { readWire, refuseTpm, type WireReader } from '../tpm/wire.ts'

/** Where the kernel's Integrity Measurement Architecture keeps what it measures. */
export const PCR_IMA = 10

/** One file that the kernel measured before it was used. */
export interface ImaEntry {
  /** Hash algorithm of the file digest, as the kernel calls it: `sha256`. */
  algorithm: string
  fileDigest: Uint8Array
  /** As measured; other bytes than UTF-8 are replaced. */
  path: string
  /** Whether the file could change while it was measured: then no digest says what was used. */
  violation: boolean
  /** What PCR 10 was extended by in the SHA-256 bank. */
  digest: Uint8Array
}

const TEMPLATES = ['ima-ng', 'ima-sig']
const LOG = "IMA's log"
const DIGEST_BYTES: Readonly<Record<string, number>> = { md5: 16, sha1: 20, sha256: 32, sha384: 48, sha512: 64 }
const text = new TextDecoder()

/**
 * Reads `binary_runtime_measurements` of a little-endian machine (Linux, Documentation/security/IMA-templates.rst) with the templates
 * `ima-ng` and `ima-sig`. The SHA-1 digests that it carries are not looked at, but for the zeros that mark a violation:
 * those of the SHA-256 bank are computed from the fields, as the kernel did.
 * @throws TeapotError `tpm/malformed` for an entry cut short, of another PCR or template, or with a field not of its form
 */
export function parseImaLog(bytes: Uint8Array): ImaEntry[] {
  const reader = readWire(bytes, LOG, true)
  const entries: ImaEntry[] = []
  while (reader.left() > 0) entries.push(readEntry(reader))
  return entries
}

/**
 * How many entries PCR 10 covers: what follows is newer than the quote.
 * @param pcr the quoted value, SHA-256 bank
 * @returns 0 when no prefix of one entry or more replays to it
 */
export function quotedEntries(entries: readonly ImaEntry[], pcr: Uint8Array): number {
  const value = new Uint8Array(64)
  for (let i = 0; i < entries.length; i++) {
    value.set(entries[i]!.digest, 32)
    value.set(sha256(value))
    if (equalBytes(value.subarray(0, 32), pcr)) return i + 1
  }
  return 0
}

function readEntry(reader: WireReader): ImaEntry {
  const pcr = reader.u32()
  if (pcr !== PCR_IMA) refuseTpm(LOG, `PCR ${PCR_IMA}`, `${pcr}`)
  const violation = reader.raw(20).every((byte) => byte === 0)
  const template = text.decode(reader.raw(reader.u32()))
  if (!TEMPLATES.includes(template)) refuseTpm(LOG, `template ${TEMPLATES.join(' or ')}`, 'another')
  const data = reader.raw(reader.u32())
  const digest = violation ? new Uint8Array(32).fill(0xff) : sha256(data)
  return { ...parseFields(data, template === 'ima-sig'), violation, digest }
}

/** d-ng, n-ng and, where the template has it, sig: each with its length before it. */
function parseFields(data: Uint8Array, signed: boolean): Pick<ImaEntry, 'algorithm' | 'fileDigest' | 'path'> {
  const reader = readWire(data, LOG, true)
  const hashed = reader.raw(reader.u32())
  const colon = hashed.indexOf(0x3a)
  const algorithm = text.decode(hashed.subarray(0, Math.max(colon, 0)))
  const fileDigest = hashed.subarray(colon + 2)
  if (hashed[colon + 1] !== 0 || DIGEST_BYTES[algorithm] !== fileDigest.length) {
    refuseTpm(LOG, 'a hash algorithm and a digest of its size', `${hashed.length} bytes`)
  }
  const name = reader.raw(reader.u32())
  if (name.length === 0 || name.indexOf(0) !== name.length - 1) refuseTpm(LOG, 'a path that ends with a zero', 'none')
  if (signed) reader.raw(reader.u32())
  reader.end()
  return { algorithm, fileDigest, path: text.decode(name.subarray(0, -1)) }
}
