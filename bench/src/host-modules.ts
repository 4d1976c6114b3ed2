import { echo, forwarding, leb, spin } from '../../host/src/testing/build-module.ts'

export { echo, spin }

/** Passes its payload to `wascc:keyvalue` and answers with what comes back. */
export const forward = forwarding('wascc:keyvalue')

const SECTION_FUNCTION = 3
const SECTION_CODE = 10
const SECTION_CUSTOM = 0
const HEADER_BYTES = 8
const ROUNDS_PER_FUNCTION = 60

/**
 * An echo with so much code behind it that its module has about `sizeBytes`: functions of arithmetic on their parameters.
 * @param seed another module for each: in its code, and so in its digest
 */
export function echoOfSize(sizeBytes: number, seed: number): Uint8Array {
  const bodies: number[][] = []
  for (let at = 0, size = echo.length; size < sizeBytes; at++) {
    const body = filler(seed * 1_000_003 + at)
    bodies.push(body)
    size += body.length + 3
  }
  const out: number[][] = [[...echo.subarray(0, HEADER_BYTES)]]
  for (const { id, content } of sectionsOf(echo))
    if (id === SECTION_FUNCTION)
      out.push(
        section(
          id,
          grown(
            content,
            bodies.map(() => [ECHO_TYPE]),
          ),
        ),
      )
    else if (id === SECTION_CODE)
      out.push(
        section(
          id,
          grown(
            content,
            bodies.map((body) => [...leb(body.length), ...body]),
          ),
        ),
      )
    else out.push(section(id, [...content]))
  return Uint8Array.from(out.flat())
}

/** The same component under another digest: with a custom section behind it. */
export function variantOf(component: Uint8Array, seed: number): Uint8Array {
  const text = Buffer.from(`bench${seed}`)
  return Buffer.concat([component, Uint8Array.from(section(SECTION_CUSTOM, [...leb(5), ...text]))])
}

/** Index of the type (i32, i32) → i32 in the echo, of its last import and its function. */
const ECHO_TYPE = 2

/** `local 0 = (local 0 · local 1 + constant) ⊕ local 1`, over and over; then local 0. */
function filler(seed: number): number[] {
  const body = [0]
  for (let i = 0; i < ROUNDS_PER_FUNCTION; i++) {
    const constant = (Math.imul(seed + i, 0x9e3779b1) >>> 1) & 0x0fff_ffff
    body.push(0x20, 0, 0x20, 1, 0x6c, 0x41, ...sleb5(constant), 0x6a, 0x20, 1, 0x73, 0x21, 0)
  }
  return [...body, 0x20, 0, 0x0b]
}

/** Signed LEB128 of 28 bits, in five bytes. */
const sleb5 = (value: number): number[] => [...[0, 7, 14, 21].map((shift) => ((value >> shift) & 127) | 128), 0]

function* sectionsOf(module: Uint8Array): Generator<{ id: number; content: Uint8Array }> {
  for (let at = HEADER_BYTES; at < module.length; ) {
    const id = module[at]!
    const { value: length, next } = readLeb(module, at + 1)
    yield { id, content: module.subarray(next, next + length) }
    at = next + length
  }
}

/** A vector with more items. */
function grown(content: Uint8Array, items: number[][]): number[] {
  const { value: count, next } = readLeb(content, 0)
  return [...leb(count + items.length), ...content.subarray(next), ...items.flat()]
}

const section = (id: number, content: number[]): number[] => [id, ...leb(content.length), ...content]

function readLeb(bytes: Uint8Array, at: number): { value: number; next: number } {
  let value = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!
    value += (byte & 127) * 2 ** shift
    if (byte < 128) return { value, next: at }
  }
}
