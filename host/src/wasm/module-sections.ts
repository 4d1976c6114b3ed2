import { GuestFault } from '../abi/guest-fault.ts'
import { readLimits } from './cap-limits.ts'
import { isTypedReference, skipConstant, skipNumbers, skipValueType } from './immediates.ts'
import { WasmReader } from './wasm-reader.ts'

/** Sections by their id (WebAssembly core §5.5.2). */
export const Section = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
const NUMERIC = new Set([0x7f, 0x7e, 0x7d, 0x7c])

/**
 * Splits a module. Of custom sections it keeps the names of functions.
 * @returns a reader over the content of each section, by id
 * @throws GuestFault `bad-module` for other bytes, and for a section that comes twice
 */
export function readSections(source: Uint8Array): Map<number, WasmReader> {
  if (source.length < 8 || HEADER.some((byte, i) => source[i] !== byte))
    throw new GuestFault('bad-module', 'Expected a WebAssembly core module of version 1, found other bytes')
  const reader = new WasmReader(source, HEADER.length)
  const sections = new Map<number, WasmReader>()
  while (!reader.done) {
    const id = reader.byte()
    const content = reader.slice(reader.u32())
    if (id === Section.custom && !isNames(content)) continue
    if (id !== Section.custom && sections.has(id))
      throw new GuestFault('bad-module', `Expected section ${id} once, found it twice`)
    sections.set(id, content)
  }
  return sections
}

function isNames({ bytes, at, end }: WasmReader): boolean {
  return end - at > 4 && [4, 0x6e, 0x61, 0x6d, 0x65].every((byte, i) => bytes[at + i] === byte)
}

/**
 * Reads an import section.
 * @returns how many globals and memories come from elsewhere
 * @throws GuestFault `bad-module` for memories and tables that are not plain
 */
export function readImports(reader: WasmReader): { globals: number; memories: number } {
  const found = { globals: 0, memories: 0 }
  for (let left = reader.u32(); left > 0; left--) {
    reader.skip(reader.u32())
    reader.skip(reader.u32())
    const kind = reader.byte()
    if (kind === 0) reader.skipLeb()
    else if (kind === 4) skipNumbers(reader, 2)
    else if (kind === 3) {
      skipValueType(reader)
      reader.skip(1)
      found.globals++
    } else {
      if (kind === 1) skipValueType(reader)
      else found.memories++
      readLimits(reader)
    }
  }
  return found
}

/** Reads a function section. @returns the type of each function of the module's own */
export function readFunctions(reader: WasmReader): number[] {
  return Array.from({ length: reader.u32() }, () => reader.u32())
}

/**
 * Reads a global section.
 * @returns how many there are, the positions of mutable numbers, and what a snapshot of those does not put back
 */
export function readGlobals(reader: WasmReader): {
  count: number
  mutable: number[]
  unresettable: string | undefined
} {
  const count = reader.u32()
  const mutable: number[] = []
  for (let i = 0; i < count; i++) {
    const type = skipValueType(reader)
    if (isTypedReference(type)) return { count, mutable, unresettable: 'a global of a typed reference' }
    const changes = reader.byte() === 1
    if (changes && !NUMERIC.has(type))
      return { count, mutable, unresettable: `a mutable global of type 0x${type.toString(16)}` }
    if (changes) mutable.push(i)
    if (!skipConstant(reader)) return { count, mutable, unresettable: 'a global with an unusual initial value' }
  }
  return { count, mutable, unresettable: undefined }
}
