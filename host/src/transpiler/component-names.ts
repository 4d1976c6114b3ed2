import { GuestFault } from '../abi/guest-fault.ts'
import type { WasmReader } from '../wasm/wasm-reader.ts'
import { isCoreName, isExternName } from './names.ts'

const DEEPEST = 16
const decoder = new TextDecoder('utf-8', { fatal: true })

/** Where names of a component's section go. */
export interface NameSink {
  /** Gets the names of imports; the section's own, not those inside of types. */
  readonly imports?: string[]
  /** The same of exports. */
  readonly exports?: string[]
  /** Gets every name by which anything is exported, inside of types too. */
  readonly names: Set<string>
}

type Read = (reader: WasmReader, sink: NameSink) => void

/** Sections of a component that hold names, and how one item of each is read (component model, Binary Format). */
const SECTIONS: Readonly<Record<number, Read>> = {
  2: readCoreInstance,
  5: readInstance,
  6: readAlias,
  7: readType,
  10: (reader, sink) => {
    const name = readExternName(reader)
    readExternDescription(reader)
    sink.imports?.push(name)
  },
  11: (reader, sink) => {
    const name = readExternName(reader)
    sink.exports?.push(name)
    sink.names.add(name)
    readSort(reader)
    reader.u32()
    if (readChoice(reader, 2, 'an optional type') === 1) readExternDescription(reader)
  },
}

/**
 * Reads one section of a component to its end, for its names.
 * @throws GuestFault `bad-module` for a section or an encoding that is not known here, or a name that is not allowed
 */
export function readNames(id: number, body: WasmReader, sink: NameSink): void {
  const read = SECTIONS[id]
  if (read === undefined) throw malformed('a section of a component', `one with id ${id}`)
  for (let left = body.u32(); left > 0; left--) read(body, sink)
  if (!body.done) throw malformed(`a section ${id} that ends with its last item`, `${body.end - body.at} bytes more`)
}

function readCoreInstance(reader: WasmReader): void {
  if (readChoice(reader, 2, 'a core instance') === 0) {
    reader.u32()
    readEach(reader, () => {
      readCoreName(reader)
      readByte(reader, 0x12, 'a core instance as argument')
      reader.u32()
    })
  } else
    readEach(reader, () => {
      readCoreName(reader)
      readCoreSort(reader)
      reader.u32()
    })
}

function readInstance(reader: WasmReader, sink: NameSink): void {
  if (readChoice(reader, 2, 'an instance') === 0) {
    reader.u32()
    readEach(reader, () => {
      readLabel(reader)
      readSort(reader)
      reader.u32()
    })
  } else
    readEach(reader, () => {
      sink.names.add(readExternName(reader))
      readSort(reader)
      reader.u32()
    })
}

function readAlias(reader: WasmReader): void {
  readSort(reader)
  const target = readChoice(reader, 3, 'an alias')
  reader.u32()
  if (target === 0) readLabel(reader)
  else if (target === 1) readCoreName(reader)
  else reader.u32()
}

function readType(reader: WasmReader, sink: NameSink, depth = 0): void {
  if (depth > DEEPEST) throw malformed(`types nested at most ${DEEPEST} deep`, 'more')
  const form = reader.byte()
  if (form === 0x41 || form === 0x42) readEach(reader, () => readDeclaration(reader, sink, depth))
  else if (form === 0x40) {
    readEach(reader, () => readField(reader))
    if (readChoice(reader, 2, 'a result') === 0) reader.skipLeb()
    else readByte(reader, 0x00, 'no result')
  } else if (form === 0x3f) {
    readByte(reader, 0x7f, 'a resource of i32')
    readOptional(reader, () => reader.u32())
  } else readValueType(reader, form)
}

/** One declaration of a component's type (form 0x41) or of an instance's (0x42). */
function readDeclaration(reader: WasmReader, sink: NameSink, depth: number): void {
  const kind = readChoice(reader, 5, 'a declaration')
  if (kind === 0) throw malformed('no core types', 'one')
  if (kind === 1) readType(reader, sink, depth + 1)
  else if (kind === 2) readAlias(reader)
  else {
    const name = readExternName(reader)
    if (kind === 4) sink.names.add(name)
    readExternDescription(reader)
  }
}

function readValueType(reader: WasmReader, form: number): void {
  // Primitive types: string, char, f64 … bool.
  if (form >= 0x73 && form <= 0x7f) return
  if (form === 0x72) readEach(reader, () => readField(reader))
  else if (form === 0x71)
    readEach(reader, () => {
      readLabel(reader)
      readOptional(reader, () => reader.skipLeb())
      readByte(reader, 0x00, 'a case that refines nothing')
    })
  else if (form === 0x6f) readEach(reader, () => reader.skipLeb())
  else if (form === 0x6e || form === 0x6d) readEach(reader, () => readLabel(reader))
  else if (form === 0x6a) {
    readOptional(reader, () => reader.skipLeb())
    readOptional(reader, () => reader.skipLeb())
  } else if (form === 0x70 || form === 0x6b || form === 0x69 || form === 0x68) reader.skipLeb()
  else throw malformed('a type of the component model 0.2', `form 0x${form.toString(16)}`)
}

function readField(reader: WasmReader): void {
  readLabel(reader)
  reader.skipLeb()
}

function readExternDescription(reader: WasmReader): void {
  const kind = reader.byte()
  if (kind === 0x03 && readChoice(reader, 2, 'a bound of a type') === 1) return
  if (kind !== 0x01 && kind !== 0x03 && kind !== 0x04 && kind !== 0x05)
    throw malformed('a function, type, component or instance', `sort 0x${kind.toString(16)}`)
  reader.u32()
}

function readExternName(reader: WasmReader): string {
  readChoice(reader, 2, 'a name')
  return readLabel(reader)
}

function readLabel(reader: WasmReader): string {
  const name = readText(reader)
  if (!isExternName(name)) throw malformed('names as WIT has them', JSON.stringify(name))
  return name
}

function readCoreName(reader: WasmReader): void {
  const name = readText(reader)
  if (!isCoreName(name)) throw malformed('names that toolchains use in core modules', JSON.stringify(name))
}

function readText(reader: WasmReader): string {
  const text = reader.slice(reader.u32())
  try {
    return decoder.decode(text.bytes.subarray(text.at, text.end))
  } catch {
    throw malformed('names in UTF-8', `one that is not, before offset ${text.end}`)
  }
}

function readSort(reader: WasmReader): void {
  if (reader.byte() === 0x00) readCoreSort(reader)
}

function readCoreSort(reader: WasmReader): void {
  reader.byte()
}

function readEach(reader: WasmReader, read: () => void): void {
  for (let left = reader.u32(); left > 0; left--) read()
}

function readOptional(reader: WasmReader, read: () => void): void {
  if (readChoice(reader, 2, 'an optional part') === 1) read()
}

function readChoice(reader: WasmReader, choices: number, what: string): number {
  const choice = reader.byte()
  if (choice >= choices) throw malformed(what, `0x${choice.toString(16)} at offset ${reader.at - 1}`)
  return choice
}

function readByte(reader: WasmReader, expected: number, what: string): void {
  const byte = reader.byte()
  if (byte !== expected) throw malformed(what, `0x${byte.toString(16)} at offset ${reader.at - 1}`)
}

function malformed(expected: string, found: string): GuestFault {
  return new GuestFault('bad-module', `Expected ${expected}, found ${found}`)
}
