const SHORT = 64

/** Bytes that grow at the end. */
export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer>
  length = 0

  /** @param capacity bytes that it probably takes */
  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity)
  }

  /** Makes room for so many bytes more. */
  reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(this.length + count, this.bytes.length * 2))
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) this.reserve(1)
    this.bytes[this.length++] = value
  }

  append(from: ArrayLike<number>): void {
    this.reserve(from.length)
    // For a few bytes a loop is faster than a typed array's own way.
    if (from.length > SHORT) this.bytes.set(from, this.length)
    else for (let i = 0; i < from.length; i++) this.bytes[this.length + i] = from[i]!
    this.length += from.length
  }

  /** The bytes of `from` in this range. */
  copy(from: Uint8Array, start: number, end: number): void {
    if (end - start > SHORT) this.append(from.subarray(start, end))
    else {
      this.reserve(end - start)
      for (let i = start; i < end; i++) this.bytes[this.length++] = from[i]!
    }
  }

  /** An unsigned LEB128. */
  u32(value: number): void {
    while (value > 127) {
      this.byte((value % 128) + 128)
      value = Math.floor(value / 128)
    }
    this.byte(value)
  }

  /** A signed LEB128 of a number that is not negative. */
  positive(value: number): void {
    while (value > 63) {
      this.byte((value % 128) + 128)
      value = Math.floor(value / 128)
    }
    this.byte(value)
  }

  /** Room for a size that is not known yet. @returns what {@link endSized} wants */
  beginSized(): number {
    this.append([0, 0, 0, 0])
    return this.length
  }

  /** Writes the number of bytes since {@link beginSized}, as a LEB128 of four bytes. */
  endSized(start: number): void {
    const size = this.length - start
    for (let i = 0; i < 4; i++) this.bytes[start - 4 + i] = ((size >>> (7 * i)) & 127) | (i < 3 ? 128 : 0)
  }

  /** What was written. */
  done(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length)
  }
}
