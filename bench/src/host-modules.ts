import { echo, forwarding, spin } from '../../host/src/testing/build-module.ts'
import { readFunctions, readSections, Section } from '../../host/src/wasm/module-sections.ts'
import { encodeU32, type WasmReader } from '../../host/src/wasm/wasm-reader.ts'

export { echo, spin }

/** Passes its payload to `wascc:keyvalue` and answers with what comes back. */
export const forward = await forwarding('wascc:keyvalue')

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
    bodies.push([...encodeU32(body.length), ...body])
    size += body.length + 3
  }
  // The type of its function, (i32, i32) → i32, is that of all others.
  const [type = 0] = readFunctions(readSections(echo).get(Section.function)!)
  const more: Record<number, number[][]> = {
    [Section.function]: bodies.map(() => [type]),
    [Section.code]: bodies,
  }
  const out = [...readSections(echo)].map(([id, content]) => section(id, grown(content, more[id])))
  return Uint8Array.from([...echo.subarray(0, HEADER_BYTES), ...out.flat()])
}

/** The same component under another digest: with a custom section behind it. */
export function variantOf(component: Uint8Array, seed: number): Uint8Array {
  const text = Buffer.from(`bench${seed}`)
  return Buffer.concat([component, Uint8Array.from(section(Section.custom, [...encodeU32(5), ...text]))])
}

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

/** A section's content, a vector, with more items. */
function grown(content: WasmReader, items: readonly number[][] = []): number[] {
  const count = content.u32() + items.length
  return [...encodeU32(count), ...content.bytes.subarray(content.at, content.end), ...items.flat()]
}

const section = (id: number, content: number[]): number[] => [id, ...encodeU32(content.length), ...content]
