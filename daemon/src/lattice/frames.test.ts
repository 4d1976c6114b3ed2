import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import {
  createFrameReader,
  encodeFrame,
  FRAME_SIZE_LIMIT_BYTES,
  type Frame,
  REQUEST_SIZE_LIMIT_BYTES,
} from './frames.ts'

const body = fc.uint8Array({ maxLength: 300 })
const id = fc.integer({ min: 0, max: 0xffffffff })
const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ kind: fc.constant('request' as const), id, method: fc.stringMatching(/^[a-z]{0,20}$/), body }),
  fc.record({ kind: fc.constantFrom('answer' as const, 'refusal' as const), id, body }),
)

test('frames come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 5 }), fc.integer({ min: 1, max: 40 }), (frames, cut) => {
      const stream = Buffer.concat(frames.map(encodeFrame))
      const got: Frame[] = []
      const read = createFrameReader((one) => got.push(one))
      for (let at = 0; at < stream.length; at += cut) read(stream.subarray(at, at + cut))
      expect(got.map((one) => ({ ...one, body: [...one.body] }))).toEqual(
        frames.map((one) => ({ ...one, body: [...one.body] })),
      )
    }),
  )
})

test('a frame that claims a size beyond the limit is refused before it is held', () => {
  const lying = Buffer.alloc(8)
  lying.writeUInt32BE(FRAME_SIZE_LIMIT_BYTES + 1)
  expect(() => createFrameReader(() => {})(lying)).toThrow(/lattice frame/)
  const large = encodeFrame({ kind: 'request', id: 1, method: 'a', body: new Uint8Array(REQUEST_SIZE_LIMIT_BYTES) })
  expect(() => createFrameReader(() => {}, REQUEST_SIZE_LIMIT_BYTES)(large.subarray(0, 8))).toThrow(/lattice frame/)
})

test('a large frame that comes in tiny pieces is not copied at each of them', () => {
  const sent = encodeFrame({ kind: 'answer', id: 1, body: new Uint8Array(1 << 16).fill(7) })
  const got: Frame[] = []
  const read = createFrameReader((one) => got.push(one))
  const copies = vi.spyOn(Uint8Array.prototype, 'set')
  for (let at = 0; at < sent.length; at += 16) read(sent.subarray(at, at + 16))
  const copiedBytes = copies.mock.calls.reduce((sum, [from]) => sum + from.length, 0)
  copies.mockRestore()
  expect([got.length, copiedBytes < 4 * sent.length]).toEqual([1, true])
})

test('an unknown kind and a method longer than its frame are refused', () => {
  const unknown = encodeFrame({ kind: 'answer', id: 1, body: new Uint8Array(2) })
  unknown[8] = 9
  expect(() => createFrameReader(() => {})(unknown)).toThrow(/kind/)
  const long = encodeFrame({ kind: 'request', id: 1, method: 'ab', body: new Uint8Array(0) })
  long[9] = 200
  expect(() => createFrameReader(() => {})(long)).toThrow(/method/)
})

test('junk either waits for more or is refused as a bad frame', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (junk) => {
      try {
        createFrameReader(() => {})(junk)
      } catch (error) {
        expect((error as { code?: string }).code).toBe('lattice/bad-frame')
      }
    }),
  )
})
