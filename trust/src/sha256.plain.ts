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

/** Words from hex, 8 digits each. */
function words(hex: string): Int32Array {
  return Int32Array.from(hex.match(/.{8}/g)!, (word) => Number.parseInt(word, 16))
}

/** FIPS 180-4 §5.3.3 */
const INITIAL = words('6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19')
/** FIPS 180-4 §4.2.2 */
const ROUND = words(
  '428a2f9871374491b5c0fbcfe9b5dba53956c25b59f111f1923f82a4ab1c5ed5d807aa9812835b01243185be550c7dc3' +
    '72be5d7480deb1fe9bdc06a7c19bf174e49b69c1efbe47860fc19dc6240ca1cc2de92c6f4a7484aa5cb0a9dc76f988da' +
    '983e5152a831c66db00327c8bf597fc7c6e00bf3d5a7914706ca63511429296727b70a852e1b21384d2c6dfc53380d13' +
    '650a7354766a0abb81c2c92e92722c85a2bfe8a1a81a664bc24b8b70c76c51a3d192e819d6990624f40e3585106aa070' +
    '19a4c1161e376c082748774c34b0bcb5391c0cb34ed8aa4a5b9cca4f682e6ff3748f82ee78a5636f84c878148cc70208' +
    '90befffaa4506cebbef9a3f7c67178f2',
)
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
