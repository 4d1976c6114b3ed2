/** The little MessagePack that these actors need: maps with text keys, texts and whole numbers. */
export class MessagePackWriter {
  private bytes: u8[] = []

  map(entries: i32): MessagePackWriter {
    this.bytes.push(u8(0x80 | entries))
    return this
  }

  text(value: string): MessagePackWriter {
    const encoded = Uint8Array.wrap(String.UTF8.encode(value))
    this.bytes.push(0xda)
    this.bytes.push(u8(encoded.length >> 8))
    this.bytes.push(u8(encoded.length))
    for (let i = 0; i < encoded.length; i++) this.bytes.push(encoded[i])
    return this
  }

  number(value: i32): MessagePackWriter {
    this.bytes.push(0xd2)
    for (let shift = 24; shift >= 0; shift -= 8) this.bytes.push(u8(value >> shift))
    return this
  }

  toBuffer(): ArrayBuffer {
    const out = new Uint8Array(this.bytes.length)
    for (let i = 0; i < this.bytes.length; i++) out[i] = this.bytes[i]
    return out.buffer
  }
}

/** Reads a map of exactly one entry, whose value is a whole number: `{value: 3}`. Traps on anything else. */
export function readSingleNumber(buffer: ArrayBuffer): i32 {
  const view = new DataView(buffer)
  assert(view.getUint8(0) == 0x81, 'expected a map of one entry')
  const head = view.getUint8(1)
  assert((head & 0xe0) == 0xa0, 'expected a short key')
  const at = 2 + i32(head & 0x1f)
  const kind = view.getUint8(at)
  if (kind < 0x80) return kind
  if (kind >= 0xe0) return i32(i8(kind))
  if (kind == 0xcc) return view.getUint8(at + 1)
  if (kind == 0xcd) return view.getUint16(at + 1)
  if (kind == 0xd0) return view.getInt8(at + 1)
  if (kind == 0xd1) return view.getInt16(at + 1)
  assert(kind == 0xce || kind == 0xd2, 'expected a whole number')
  return view.getInt32(at + 1)
}
