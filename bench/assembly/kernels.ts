// Kernels that compute and nothing else: what fuel costs them is what metering costs (bench/src/fuel.ts).

const BASE: usize = 4096

/** Makes room for the arrays of all kernels. */
export function prepare(): void {
  memory.grow(256)
}

/** Iterations over a grid of `n` by `n`: a tight loop of floating point. */
export function mandelbrot(n: i32): i32 {
  let inside = 0
  for (let y = 0; y < n; y++) {
    for (let x = 0; x < n; x++) {
      const cr = (2.0 * x) / n - 1.5
      const ci = (2.0 * y) / n - 1.0
      let zr = 0.0
      let zi = 0.0
      let i = 0
      while (i < 50 && zr * zr + zi * zi < 4.0) {
        const t = zr * zr - zi * zi + cr
        zi = 2.0 * zr * zi + ci
        zr = t
        i++
      }
      if (i === 50) inside++
    }
  }
  return inside
}

/** Product of two matrices of `n` by `n` doubles. */
export function matrix(n: i32): i32 {
  const a = BASE
  const b = a + ((n * n) << 3)
  const c = b + ((n * n) << 3)
  for (let i = 0; i < n * n; i++) {
    store<f64>(a + (i << 3), i % 7)
    store<f64>(b + (i << 3), i % 5)
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0.0
      for (let k = 0; k < n; k++) sum += load<f64>(a + ((i * n + k) << 3)) * load<f64>(b + ((k * n + j) << 3))
      store<f64>(c + ((i * n + j) << 3), sum)
    }
  }
  return i32(load<f64>(c + ((n * n - 1) << 3)))
}

/** Primes below `n`: stores and nothing else. */
export function sieve(n: i32): i32 {
  memory.fill(BASE, 1, n)
  let count = 0
  for (let i = 2; i < n; i++) {
    if (load<u8>(BASE + i) === 0) continue
    count++
    for (let j = i + i; j < n; j += i) store<u8>(BASE + j, 0)
  }
  return count
}

/** Sorts `n` numbers: recursion over loops. */
export function quicksort(n: i32): i32 {
  let seed: u32 = 42
  for (let i = 0; i < n; i++) {
    seed = seed * 1664525 + 1013904223
    store<i32>(BASE + (i << 2), i32(seed >>> 1))
  }
  sort(0, n - 1)
  return load<i32>(BASE + ((n >> 1) << 2))
}

function sort(low: i32, high: i32): void {
  if (low >= high) return
  const pivot = load<i32>(BASE + (((low + high) >> 1) << 2))
  let i = low
  let j = high
  while (i <= j) {
    while (load<i32>(BASE + (i << 2)) < pivot) i++
    while (load<i32>(BASE + (j << 2)) > pivot) j--
    if (i <= j) {
      const t = load<i32>(BASE + (i << 2))
      store<i32>(BASE + (i << 2), load<i32>(BASE + (j << 2)))
      store<i32>(BASE + (j << 2), t)
      i++
      j--
    }
  }
  sort(low, j)
  sort(i, high)
}

/** Flips over all permutations of `n`: short loops within loops. */
export function fannkuch(n: i32): i32 {
  const p = BASE
  const q = p + 64
  const count = q + 64
  let flips = 0
  for (let i = 0; i < n; i++) store<i32>(p + (i << 2), i)
  let r = n
  while (true) {
    for (; r !== 1; r--) store<i32>(count + ((r - 1) << 2), r)
    for (let i = 0; i < n; i++) store<i32>(q + (i << 2), load<i32>(p + (i << 2)))
    let most = 0
    for (let k = load<i32>(q); k !== 0; k = load<i32>(q)) {
      for (let i = 0, j = k; i < j; i++, j--) {
        const t = load<i32>(q + (i << 2))
        store<i32>(q + (i << 2), load<i32>(q + (j << 2)))
        store<i32>(q + (j << 2), t)
      }
      most++
    }
    if (most > flips) flips = most
    while (true) {
      if (r === n) return flips
      const first = load<i32>(p)
      for (let i = 0; i < r; i++) store<i32>(p + (i << 2), load<i32>(p + ((i + 1) << 2)))
      store<i32>(p + (r << 2), first)
      const left = load<i32>(count + (r << 2)) - 1
      store<i32>(count + (r << 2), left)
      if (left > 0) break
      r++
    }
  }
}

/** Calls and nothing else. */
export function fib(n: i32): i32 {
  return n < 2 ? n : fib(n - 1) + fib(n - 2)
}

/** A byte code that counts down from `n`: a loop around one large switch. */
export function interpreter(n: i32): i32 {
  const code = BASE
  const program: StaticArray<u8> = [0, 1, 2, 3, 4, 5, 6, 7, 2, 9, 3, 8]
  for (let i = 0; i < program.length; i++) store<u8>(code + i, program[i])
  let a = n
  let b = 1
  let c = 0
  let at = 0
  while (true) {
    switch (load<u8>(code + at++)) {
      case 0:
        b = b * 31 + a
        break
      case 1:
        c ^= b
        break
      case 2:
        b += c >> 3
        break
      case 3:
        c = (c << 5) | (c >>> 27)
        break
      case 4:
        b ^= 0x5bd1e995
        break
      case 5:
        store<i32>(BASE + 64 + ((b & 15) << 2), c)
        break
      case 6:
        c += load<i32>(BASE + 64 + ((a & 15) << 2))
        break
      case 7:
        a--
        break
      case 8:
        if (a > 0) at = 0
        else return b ^ c
        break
      case 9:
        if (c & 1) b++
        break
      default:
        unreachable()
    }
  }
}

const ROUND: StaticArray<u32> = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
  0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
  0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
  0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
  0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
  0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]

/** The compression function of SHA-256 (FIPS 180-4 §6.2.2) over `n` blocks. */
export function sha256(n: i32): i32 {
  const w = BASE
  const state = BASE + 256
  for (let i = 0; i < 8; i++) store<u32>(state + (i << 2), 0x6a09e667 + i)
  for (let block = 0; block < n; block++) {
    for (let i = 0; i < 16; i++) store<u32>(w + (i << 2), block * 16 + i)
    for (let i = 16; i < 64; i++) {
      const x = load<u32>(w + ((i - 15) << 2))
      const y = load<u32>(w + ((i - 2) << 2))
      const s0 = rotr(x, 7) ^ rotr(x, 18) ^ (x >> 3)
      const s1 = rotr(y, 17) ^ rotr(y, 19) ^ (y >> 10)
      store<u32>(w + (i << 2), load<u32>(w + ((i - 16) << 2)) + s0 + load<u32>(w + ((i - 7) << 2)) + s1)
    }
    let a = load<u32>(state)
    let b = load<u32>(state, 4)
    let c = load<u32>(state, 8)
    let d = load<u32>(state, 12)
    let e = load<u32>(state, 16)
    let f = load<u32>(state, 20)
    let g = load<u32>(state, 24)
    let h = load<u32>(state, 28)
    for (let i = 0; i < 64; i++) {
      const t = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + ROUND[i] + load<u32>(w + (i << 2))
      const u = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
      h = g
      g = f
      f = e
      e = d + t
      d = c
      c = b
      b = a
      a = t + u
    }
    store<u32>(state, load<u32>(state) + a)
    store<u32>(state, load<u32>(state, 4) + b, 4)
    store<u32>(state, load<u32>(state, 8) + c, 8)
    store<u32>(state, load<u32>(state, 12) + d, 12)
    store<u32>(state, load<u32>(state, 16) + e, 16)
    store<u32>(state, load<u32>(state, 20) + f, 20)
    store<u32>(state, load<u32>(state, 24) + g, 24)
    store<u32>(state, load<u32>(state, 28) + h, 28)
  }
  return load<u32>(state)
}

/** Characters counted over text by small functions: what compilers leave of iterators. */
export function words(n: i32): i32 {
  for (let i = 0; i < n; i++) store<u8>(BASE + i, (i * 7) % 11 === 0 ? 32 : 97 + (i % 26))
  let count = 0
  let inside = false
  for (let i = 0; i < n; i++) {
    const letter = isLetter(load<u8>(BASE + i))
    if (letter && !inside) count++
    inside = letter
  }
  return count
}

// @ts-expect-error: a decorator of AssemblyScript
@noinline
function isLetter(code: i32): bool {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90)
}
