import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readTrace, type TraceEntry, TraceKind, TraceReader, TraceWriter } from './trace.ts'

const u64 = fc.uint8Array({ minLength: 8, maxLength: 8 })
const seen = (kind: TraceKind, body: fc.Arbitrary<Uint8Array>) => fc.record({ kind: fc.constant(kind), body })
const beforeCall = fc.oneof(
  seen(TraceKind.wallClock, u64),
  seen(TraceKind.monotonicClock, u64),
  seen(TraceKind.sleep, u64),
  seen(TraceKind.random, fc.uint8Array({ maxLength: 40 })),
)
const capability = fc
  .tuple(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constantFrom(0, 1), fc.uint8Array({ maxLength: 40 }))
  .map(([digest, ok, answer]) => Uint8Array.from([...digest, ok, ...answer]))
const trace = fc.record({
  start: fc.array(beforeCall, { maxLength: 5 }),
  call: fc.array(fc.oneof(beforeCall, seen(TraceKind.capability, capability)), { maxLength: 10 }),
})

interface Seen {
  kind: TraceKind
  body: Uint8Array
}

function write({ start, call }: { start: Seen[]; call: Seen[] }): Buffer {
  const before = new TraceWriter(1 << 20)
  for (const { kind, body } of start) before.add(kind, body)
  const writer = TraceWriter.ofCall(before)
  for (const { kind, body } of call) writer.add(kind, body)
  return writer.bytes()
}

const plain = (entries: Iterable<Seen | TraceEntry>) => [...entries].map(({ kind, body }) => [kind, ...body])

test('What is written is read back, entry by entry', () => {
  fc.assert(
    fc.property(trace, ({ start, call }) => {
      const begin = { kind: TraceKind.begin, body: new Uint8Array(0) }
      expect(plain(readTrace(write({ start, call })))).toEqual(plain([...start, begin, ...call]))
    }),
  )
})

test('Bytes that are read are exactly those that would be written', () => {
  fc.assert(
    fc.property(trace, fc.nat(), fc.integer({ min: 1, max: 255 }), (told, at, flip) => {
      const bytes = Buffer.from(write(told))
      bytes[at % bytes.length]! ^= flip
      let entries: TraceEntry[]
      try {
        entries = [...readTrace(bytes)]
      } catch (error) {
        expect(error).toMatchObject({ failure: 'replay-mismatch' })
        return
      }
      const begin = entries.findIndex(({ kind }) => kind === TraceKind.begin)
      expect(write({ start: entries.slice(0, begin), call: entries.slice(begin + 1) })).toEqual(bytes)
    }),
  )
})

test('Any bytes are either a trace or a mismatch', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        for (const { kind } of readTrace(Uint8Array.of(1, ...bytes))) expect(kind).toBeLessThanOrEqual(5)
      } catch (error) {
        expect(error).toMatchObject({ failure: 'replay-mismatch' })
      }
    }),
  )
})

test('A trace that is cut short anywhere, or continues after its end, is no trace', () => {
  const whole = write({ start: [], call: [{ kind: TraceKind.capability, body: new Uint8Array(40) }] })
  for (let length = 0; length < whole.length; length++)
    // Cut between two entries it is one that ends early.
    if (length !== 6) expect(() => [...readTrace(whole.subarray(0, length))], `${length}`).toThrow(/Expected a trace/)
  for (const more of [[9], [0, 0, 0, 0, 0], [4, 0, 0, 0, 0], [6, 0, 0, 0, 0], [1, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]])
    expect(() => [...readTrace(Uint8Array.from([...whole, ...more]))], `${more}`).toThrow(/Expected a trace/)
})

test('A reader says which entry was expected, and what was found', () => {
  const reader = new TraceReader(write({ start: [], call: [{ kind: TraceKind.random, body: new Uint8Array(7) }] }))
  expect(() => reader.take(TraceKind.sleep)).toThrow(
    'Expected the beginning of the call as entry 0 of the trace, found a sleep',
  )
  reader.take(TraceKind.begin)
  expect(() => reader.take(TraceKind.random, 8)).toThrow(
    'Expected 7 random bytes as entry 1 of the trace, found 8 random bytes',
  )
  reader.take(TraceKind.random, 7)
  expect(() => reader.take(TraceKind.wallClock)).toThrow(
    'Expected the end of the call as entry 2 of the trace, found the wall clock',
  )
})

test('What does not fit is left out, and told', () => {
  const writer = new TraceWriter(20)
  writer.add(TraceKind.random, new Uint8Array(10))
  expect(writer.overflown).toBe(false)
  writer.add(TraceKind.random, new Uint8Array(0))
  expect([writer.overflown, writer.bytes().length]).toEqual([true, 16])
  expect(TraceWriter.ofCall(writer).overflown).toBe(true)
})
