import { concatBytes, TeapotError } from '@teapot-network/trust'

/** Algorithm and curve numbers that we use (TCG Algorithm Registry). */
export const ALG = {
  rsa: 0x0001,
  aes: 0x0006,
  keyedHash: 0x0008,
  sha256: 0x000b,
  sha384: 0x000c,
  null: 0x0010,
  ecdsa: 0x0018,
  ecc: 0x0023,
  cfb: 0x0043,
} as const
/** Curve numbers (TPM_ECC_CURVE). */
export const CURVE = { p256: 0x0003, p384: 0x0004 } as const

/** One byte. */
export const u8 = (value: number): Uint8Array => Uint8Array.of(value)

/** Two bytes, big-endian. */
export const u16 = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value)

/** Four bytes, big-endian. */
export const u32 = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)

/** A TPM2B: the parts joined, behind their length as u16. */
export function sized(...parts: Uint8Array[]): Uint8Array {
  const body = concatBytes(...parts)
  return concatBytes(u16(body.length), body)
}

/** TPML_PCR_SELECTION of one SHA-256 bank (TPM 2.0 Part 2 §10.9.7). */
export function pcrSelection(pcrs: readonly number[]): Uint8Array {
  const bits = new Uint8Array(3)
  for (const pcr of pcrs) bits[pcr >> 3]! |= 1 << (pcr & 7)
  return concatBytes(u32(1), u16(ALG.sha256), u8(bits.length), bits)
}

/** Reads what a TPM wrote, front to back. Every method throws `tpm/malformed-response` where the bytes run out. */
export interface TpmReader {
  u8(): number
  u16(): number
  u32(): number
  u64(): bigint
  /** The next `count` bytes, copied. */
  bytes(count: number): Uint8Array
  /** A TPM2B's content. */
  sized(): Uint8Array
  /** All that is left. */
  rest(): Uint8Array
  /** @throws TeapotError `tpm/malformed-response` when bytes are left over */
  end(): void
}

/** A cursor over big-endian TPM structures. */
export function createReader(input: Uint8Array): TpmReader {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  let at = 0
  const take = (count: number): number => {
    if (count > input.length - at) {
      throw malformed(`${count} bytes at offset ${at}`, `${input.length - at}`)
    }
    at += count
    return at - count
  }
  const bytes = (count: number): Uint8Array => {
    const from = take(count)
    return Uint8Array.from(input.subarray(from, from + count))
  }
  const reader: TpmReader = {
    u8: () => view.getUint8(take(1)),
    u16: () => view.getUint16(take(2)),
    u32: () => view.getUint32(take(4)),
    u64: () => view.getBigUint64(take(8)),
    bytes,
    sized: () => bytes(reader.u16()),
    rest: () => bytes(input.length - at),
    end: () => {
      if (at !== input.length) throw malformed(`the end at offset ${at}`, `${input.length - at} more bytes`)
    },
  }
  return reader
}

/** The error for bytes that are no TPM response. */
export function malformed(expected: string, found: string): TeapotError {
  return new TeapotError(
    'tpm/malformed-response',
    `Cannot read TPM response: expected ${expected}, found ${found}; is something else listening there?`,
    { kind: 'fault' },
  )
}
