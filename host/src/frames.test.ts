import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFrameReader, FRAME_HEADER_BYTES, FrameError, FrameWriter, parseNamed, sendNamed } from './frames.ts'

type Frame = [type: number, id: number, body: string]

const frames = fc.array(
  fc.tuple(
    fc.integer({ min: 0, max: 255 }),
    fc.integer({ min: 0, max: 0xffff_ffff }),
    fc.uint8Array({ maxLength: 300 }),
  ),
  { minLength: 1, maxLength: 12 },
)

function write(items: [number, number, Uint8Array][]): Buffer {
  const chunks: Buffer[] = []
  const writer = new FrameWriter((chunk) => chunks.push(chunk))
  for (const [type, id, body] of items) writer.send(type, id, body)
  writer.flush()
  return Buffer.concat(chunks)
}

function collect(maxBodyBytes = 1_000): { seen: Frame[]; read: (chunk: Buffer) => void } {
  const seen: Frame[] = []
  const read = createFrameReader(maxBodyBytes, (type, id, body) => seen.push([type, id, body.toString('hex')]))
  return { seen, read }
}

test('Frames arrive whole and in order, however the stream is cut', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (items, cuts) => {
      const bytes = write(items)
      const { seen, read } = collect()
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const end = at + cuts[i % cuts.length]!
        read(bytes.subarray(at, end))
        at = end
      }
      expect(seen).toEqual(items.map(([type, id, body]) => [type, id, Buffer.from(body).toString('hex')]))
    }),
  )
})

test('A frame that claims more than the limit, or less than its own header, is refused', () => {
  for (const length of [0, 4, 6 + 1_000, 0xffff_ffff]) {
    const header = Buffer.alloc(FRAME_HEADER_BYTES)
    header.writeUInt32LE(length, 0)
    expect(() => collect().read(header)).toThrow(FrameError)
    const { read } = collect()
    expect(() => {
      for (const byte of header) read(Buffer.of(byte))
    }).toThrow(FrameError)
  }
})

test('A truncated frame is never delivered', () => {
  const bytes = write([[1, 2, Buffer.from('abc')]])
  const { seen, read } = collect()
  read(bytes.subarray(0, bytes.length - 1))
  expect(seen).toEqual([])
})

test('Names and payload come back as they were written', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 40 }), { maxLength: 4 }),
      fc.uint8Array({ maxLength: 100 }),
      (names, payload) => {
        const chunks: Buffer[] = []
        const writer = new FrameWriter((chunk) => chunks.push(chunk))
        const encoded = names.map((name) => Buffer.from(name))
        sendNamed(writer, 1, 2, encoded, payload)
        writer.flush()
        const body = Buffer.concat(chunks).subarray(FRAME_HEADER_BYTES)
        const parsed = parseNamed(body, names.length, { nameBytes: 1_000, payloadBytes: 1_000 })
        expect(parsed.names).toEqual(encoded.map((name) => name.toString()))
        expect([...parsed.payload]).toEqual([...payload])
      },
    ),
  )
})

test('Names that do not fit their frame or their limit are refused, and nothing else is thrown', () => {
  const limits = { nameBytes: 5, payloadBytes: 8 }
  const refused = [[], [1], [2, 0, 65], [6, 0, 1, 2, 3, 4, 5, 6], [255, 255], [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]
  for (const body of refused) expect(() => parseNamed(Buffer.from(body), 1, limits)).toThrow(FrameError)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), fc.integer({ min: 0, max: 3 }), (body, count) => {
      try {
        const { names, payload } = parseNamed(Buffer.from(body), count, limits)
        expect(names.length).toBe(count)
        expect(payload.length).toBeLessThanOrEqual(limits.payloadBytes)
      } catch (error) {
        expect(error).toBeInstanceOf(FrameError)
      }
    }),
  )
})

test('Frames written in one turn of the event loop leave in one write', async () => {
  const writes: Buffer[] = []
  const writer = new FrameWriter((chunk) => writes.push(chunk))
  for (let i = 0; i < 100; i++) writer.send(1, i, Buffer.alloc(1_000))
  expect(writes).toEqual([])
  await new Promise((resolve) => setImmediate(resolve))
  expect(writes.length).toBe(1)
})
