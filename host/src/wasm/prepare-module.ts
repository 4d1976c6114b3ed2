import { GuestFault } from '../abi/guest-fault.ts'
import { findUnresettable } from './scan-code.ts'
import { encodeU32, WasmReader } from './wasm-reader.ts'

/** Names under which mutable globals are exported for resetting them: `teapot:global:0`, `teapot:global:1` … */
export const GLOBAL_EXPORT = 'teapot:global:'

/** A module made ready for the sandbox. */
export interface PreparedModule {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Why memory and globals alone do not put an instance back, so that each call needs a fresh one; else `undefined`. */
  readonly unresettable: string | undefined
}

const Section = { import: 2, memory: 5, global: 6, export: 7, code: 10 } as const
const NUMERIC = new Set([0x7f, 0x7e, 0x7d, 0x7c])

interface Section {
  readonly id: number
  readonly body: WasmReader
}

/**
 * Rewrites a core module: its one memory gets a maximum of `maxPages`, every mutable numeric global an export.
 * Validation is left to the engine, which compiles the result.
 * @throws GuestFault `bad-module` when the bytes are no core module, or its memory is not a single plain 32-bit one within `maxPages`.
 */
export function prepareModule(source: Uint8Array, maxPages: number): PreparedModule {
  const sections = readSections(source)
  const named = (id: number) => sections.find((section) => section.id === id)?.body
  const globals = named(Section.global)
  const imports = named(Section.import)
  const found = globals && findMutableGlobals(globals, imports ? countImportedGlobals(imports) : 0)
  const code = named(Section.code)
  const unresettable = found?.unresettable ?? (code && findUnresettable(copy(code)))

  const out: Uint8Array[] = [source.subarray(0, 8)]
  for (const { id, body } of sections) {
    if (id === Section.memory) emit(out, id, [capMemory(body, maxPages)])
    else if (id === Section.export && found !== undefined && unresettable === undefined)
      emit(out, id, addExports(body, found.indices))
    else emit(out, id, [source.subarray(body.at, body.end)])
  }
  return { bytes: new Uint8Array(Buffer.concat(out)), unresettable }
}

function readSections(source: Uint8Array): Section[] {
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
  if (source.length < 8 || magic.some((byte, i) => source[i] !== byte))
    throw new GuestFault('bad-module', 'Expected a WebAssembly core module of version 1, found other bytes')
  const reader = new WasmReader(source, 8)
  const sections: Section[] = []
  while (!reader.done) {
    const id = reader.byte()
    if (id !== 0 && sections.some((section) => section.id === id))
      throw new GuestFault('bad-module', `Expected section ${id} once, found it twice`)
    sections.push({ id, body: reader.slice(reader.u32()) })
  }
  return sections
}

const copy = (reader: WasmReader) => new WasmReader(reader.bytes, reader.at, reader.end)

function countImportedGlobals(section: WasmReader): number {
  const reader = copy(section)
  let globals = 0
  for (let left = reader.u32(); left > 0; left--) {
    reader.skip(reader.u32())
    reader.skip(reader.u32())
    const kind = reader.byte()
    // Anything but a function is refused when linking; counting up to there is enough.
    if (kind === 3) globals++
    if (kind !== 0) return globals
    reader.u32()
  }
  return globals
}

function findMutableGlobals(section: WasmReader, imported: number): { indices: number[]; unresettable?: string } {
  const reader = copy(section)
  const indices: number[] = []
  const count = reader.u32()
  for (let i = 0; i < count; i++) {
    const type = reader.byte()
    if (type === 0x63 || type === 0x64) return { indices, unresettable: 'a global of a typed reference' }
    const mutable = reader.byte() === 1
    if (mutable && !NUMERIC.has(type))
      return { indices, unresettable: `a mutable global of type 0x${type.toString(16)}` }
    if (mutable) indices.push(imported + i)
    if (!skipConstant(reader)) return { indices, unresettable: 'a global with an unusual initial value' }
  }
  return { indices }
}

/** Passes over a constant expression (WebAssembly core §3.4.12); false when it holds something unknown. */
function skipConstant(reader: WasmReader): boolean {
  for (;;) {
    const op = reader.byte()
    if (op === 0x0b) return true
    if (op === 0x41 || op === 0x42 || op === 0xd0) reader.skipLeb()
    else if (op === 0x23 || op === 0xd2) reader.u32()
    else if (op === 0x43) reader.skip(4)
    else if (op === 0x44) reader.skip(8)
    else if (op === 0xfd && reader.u32() === 12) reader.skip(16)
    else if (!((op >= 0x6a && op <= 0x6c) || (op >= 0x7c && op <= 0x7e))) return false
  }
}

function capMemory(section: WasmReader, maxPages: number): Uint8Array {
  const reader = copy(section)
  const count = reader.u32()
  const flags = reader.byte()
  if (count !== 1 || flags > 1)
    throw new GuestFault(
      'bad-module',
      `Expected one plain 32-bit memory, found ${count} with flags 0x${flags.toString(16)}`,
    )
  const initial = reader.u32()
  const maximum = flags === 1 ? reader.u32() : maxPages
  if (initial > maxPages)
    throw new GuestFault('bad-module', `Expected at most ${maxPages} pages of memory at start, found ${initial}`)
  return Uint8Array.from([1, 1, ...encodeU32(initial), ...encodeU32(Math.min(maximum, maxPages))])
}

function addExports(section: WasmReader, globals: number[]): Uint8Array[] {
  const reader = copy(section)
  const count = reader.u32()
  const added = globals.map((global, i) => {
    const name = new TextEncoder().encode(GLOBAL_EXPORT + i)
    return Uint8Array.from([name.length, ...name, 3, ...encodeU32(global)])
  })
  return [Uint8Array.from(encodeU32(count + globals.length)), reader.bytes.subarray(reader.at, reader.end), ...added]
}

function emit(out: Uint8Array[], id: number, parts: Uint8Array[]): void {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  out.push(Uint8Array.from([id, ...encodeU32(length)]), ...parts)
}
