import { type Digest, toHex } from './bytes.ts'

/** SHA-256 of some bytes as `0x…`. */
export function digestOf(data: Uint8Array): Digest {
  return toHex(sha256(data))
}

/**
 * SHA-256 (FIPS 180-4), 32 bytes, synchronous: where there is no `crypto.hash`, as WebCrypto's takes a promise each time.
 * @param out takes the 32 bytes; may be where `data` is
 */
export function sha256(data: Uint8Array, out: Uint8Array = new Uint8Array(32)): Uint8Array {
  const state = INITIAL.slice()
  const whole = data.length - (data.length % 64)
  compress(state, data, whole)
  const tail = new Uint8Array(data.length - whole < 56 ? 64 : 128)
  tail.set(data.subarray(whole))
  tail[data.length - whole] = 0x80
  const tailView = new DataView(tail.buffer)
  tailView.setUint32(tail.length - 8, Math.floor(data.length / 0x20000000))
  tailView.setUint32(tail.length - 4, data.length << 3)
  compress(state, tail, tail.length)
  const view = new DataView(out.buffer, out.byteOffset)
  for (let i = 0; i < 8; i++) view.setInt32(i * 4, state[i]!)
  return out
}

const PRIMES = Array.from({ length: 310 }, (_, i) => i + 2).filter((n, i, all) =>
  all.slice(0, i).every((m) => n % m > 0),
)
/** The first 32 bits after the point; no root is so near to a whole number of them that rounding could matter. */
const fractions = (roots: number[]): Int32Array => Int32Array.from(roots, (root) => (root % 1) * 2 ** 32)
/** Square roots of the first eight primes (FIPS 180-4 §5.3.3). */
const INITIAL = fractions(PRIMES.slice(0, 8).map(Math.sqrt))
/** Cube roots of the first 64 (FIPS 180-4 §4.2.2). */
const ROUND = fractions(PRIMES.map(Math.cbrt))
const schedule = new Int32Array(64)

/** FIPS 180-4 §6.2.2, over the blocks of the first `length` bytes. */
function compress(state: Int32Array, data: Uint8Array, length: number): void {
  const w = schedule
  for (let at = 0; at < length; at += 64) {
    for (let i = 0, p = at; i < 16; i++, p += 4) {
      w[i] = (data[p]! << 24) | (data[p + 1]! << 16) | (data[p + 2]! << 8) | data[p + 3]!
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15]!
      const y = w[i - 2]!
      const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3)
      const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10)
      w[i] = w[i - 16]! + s0 + w[i - 7]! + s1
    }
    let a = state[0]!
    let b = state[1]!
    let c = state[2]!
    let d = state[3]!
    let e = state[4]!
    let f = state[5]!
    let g = state[6]!
    let h = state[7]!
    for (let i = 0; i < 64; i++) {
      const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[i]! + w[i]!) | 0
      const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + t2) | 0
    }
    state[0]! += a
    state[1]! += b
    state[2]! += c
    state[3]! += d
    state[4]! += e
    state[5]! += f
    state[6]! += g
    state[7]! += h
  }
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by))
}
