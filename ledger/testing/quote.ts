/** Quotes as a TPM makes them, by keys that are none's: what a dispute is given. */
import { type KeyObject, sign } from 'node:crypto'
import { concatBytes, type Digest, digestOf, fromHex, type Hex, toHex, utf8 } from '@teapot-network/trust'

/** A quote with all that a dispute shows of it. */
export interface Quoted {
  shown: { attest: Hex; r: Hex; s: Hex; pcrValues: Hex[]; rLog: Hex[]; cLog: Hex[] }
  /** The digests of both logs instead of these. */
  shownR: { rLog: Digest; cLog: Digest }
  /** What a vote names it by. */
  quote: Digest
  boot: number
}

/** The value that a PCR has after these digests. */
export function replay(log: readonly Hex[]): Digest {
  return log.reduce((value, digest) => digestOf(join(value, digest)), `0x${'0'.repeat(64)}` as Digest)
}

/** @param options by default R and C are quoted, with what their logs replay to */
export function quoteBy(
  ak: KeyObject,
  options: { rLog?: Hex[]; cLog?: Hex[]; pcrs?: Record<number, Hex>; boot?: number; extraData?: Hex },
): Quoted {
  const { rLog = [], cLog = [], boot = 1, extraData = digestOf(utf8('nonce')) } = options
  const pcrs = options.pcrs ?? { 12: replay(rLog), 13: replay(cLog) }
  const pcrValues = Object.values(pcrs)
  const selected = Object.keys(pcrs).reduce((bits, pcr) => bits | (1 << Number(pcr)), 0)
  const attest = Buffer.concat([
    Buffer.from('ff54434780180022000b', 'hex'),
    Buffer.alloc(32, 0xaa),
    Buffer.from(`0020${extraData.slice(2)}`, 'hex'),
    Buffer.alloc(8),
    uint32(Math.floor(boot / 2 ** 16)),
    uint32(boot % 2 ** 16),
    Buffer.from('01'.padEnd(18, '0'), 'hex'),
    Buffer.from('00000001000b03', 'hex'),
    Buffer.from([selected & 255, (selected >> 8) & 255, selected >> 16]),
    Buffer.from(`0020${digestOf(join(...pcrValues)).slice(2)}`, 'hex'),
  ])
  const signature = toHex(sign('sha256', attest, { key: ak, dsaEncoding: 'ieee-p1363' }))
  const [r, s] = [signature.slice(0, 66) as Hex, `0x${signature.slice(66)}` as Hex]
  const shownR = { rLog: digestOf(join(...rLog)), cLog: digestOf(join(...cLog)) }
  const quote = digestOf(join(digestOf(attest), shownR.rLog, shownR.cLog))
  return { shown: { attest: toHex(attest), r, s, pcrValues, rLog, cLog }, shownR, quote, boot }
}

function join(...parts: Hex[]): Uint8Array {
  return concatBytes(...parts.map(fromHex))
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
