import { GuestFault } from '../abi/guest-fault.ts'

/** A cursor over WebAssembly binary; everything it reads is checked against the end. Faults are `bad-module`. */
export class WasmReader {
  readonly bytes: Uint8Array
  at: number
  readonly end: number

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  byte(): number {
    if (this.at >= this.end)
      throw new GuestFault('bad-module', `Expected more bytes at offset ${this.at}, found the end`)
    return this.bytes[this.at++]!
  }

  skip(count: number): void {
    if (count > this.end - this.at)
      throw new GuestFault('bad-module', `Expected ${count} bytes at offset ${this.at}, found ${this.end - this.at}`)
    this.at += count
  }

  /** Unsigned LEB128 of at most 32 bits (WebAssembly core §5.2.2). */
  u32(): number {
    const first = this.byte()
    if (first < 128) return first
    let value = first & 127
    for (let place = 128; place <= 2 ** 28; place *= 128) {
      const byte = this.byte()
      value += (byte & 127) * place
      if (byte < 128) {
        if (value > 0xffffffff) break
        return value
      }
    }
    throw new GuestFault('bad-module', `Expected a number of 32 bits before offset ${this.at}, found a longer one`)
  }

  /** Any LEB128 of at most 64 bits, value not needed. */
  skipLeb(): void {
    for (let i = 0; i < 10; i++) if (this.byte() < 128) return
    throw new GuestFault('bad-module', `Expected a number of 64 bits before offset ${this.at}, found a longer one`)
  }

  /** A reader over the next `length` bytes, which are passed over here. */
  slice(length: number): WasmReader {
    const start = this.at
    this.skip(length)
    return new WasmReader(this.bytes, start, start + length)
  }

  get done(): boolean {
    return this.at >= this.end
  }
}

/** Unsigned LEB128. */
export function encodeU32(value: number): number[] {
  const out: number[] = []
  do {
    const rest = Math.floor(value / 128)
    out.push((value % 128) + (rest > 0 ? 128 : 0))
    value = rest
  } while (value > 0)
  return out
}
