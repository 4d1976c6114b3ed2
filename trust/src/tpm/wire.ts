import { TeapotError } from '../teapot-error.ts'

/** TPM_ALG_ID values (TCG Algorithm Registry) that we read. */
export const TPM_ALG = { sha1: 0x0004, sha256: 0x000b, ecdsa: 0x0018 } as const

/** Reads TPM structures, and the logs of what went into a TPM, in order. Everything throws TeapotError `tpm/malformed` when bytes are missing. */
export interface WireReader {
  u8(): number
  u16(): number
  u32(): number
  u64(): bigint
  /** The next bytes, as a view. */
  raw(length: number): Uint8Array
  /** A TPM2B: u16 length, then as many bytes. */
  sized(): Uint8Array
  /** How many bytes are left. */
  left(): number
  /** Refuses trailing bytes. */
  end(): void
}

/** @throws TeapotError `tpm/malformed`, always */
export function refuseTpm(structure: string, expected: string, found: string): never {
  throw new TeapotError('tpm/malformed', `Cannot read ${structure}: expected ${expected}, found ${found}`)
}

/** A reader over `bytes`; `structure` is the TCG name used in messages. Firmware and kernels write little-endian logs. */
export function readWire(bytes: Uint8Array, structure: string, littleEndian = false): WireReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const take = (length: number): number => {
    if (at + length > bytes.length) refuseTpm(structure, `${length} bytes at ${at}`, `${bytes.length - at}`)
    at += length
    return at - length
  }
  const reader: WireReader = {
    u8: () => view.getUint8(take(1)),
    u16: () => view.getUint16(take(2), littleEndian),
    u32: () => view.getUint32(take(4), littleEndian),
    u64: () => view.getBigUint64(take(8), littleEndian),
    raw: (length) => {
      const start = take(length)
      return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length)
    },
    sized: () => reader.raw(reader.u16()),
    left: () => bytes.length - at,
    end: () => {
      if (at !== bytes.length) refuseTpm(structure, 'nothing more', `${bytes.length - at} trailing bytes`)
    },
  }
  return reader
}

/** TPMs may strip leading zeros of a number: puts them back. @throws TeapotError `tpm/malformed` when it is too long */
export function leftPad(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length > length) refuseTpm('a field element', `at most ${length} bytes`, `${bytes.length}`)
  const out = new Uint8Array(length)
  out.set(bytes, length - bytes.length)
  return out
}
