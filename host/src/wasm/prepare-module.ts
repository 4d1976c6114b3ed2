import { GuestFault } from '../abi/guest-fault.ts'
import { ByteWriter } from './byte-writer.ts'
import { capMemories, capTables } from './cap-limits.ts'
import { FUEL_EXPORT } from './fuel-gauge.ts'
import { meterCode } from './meter-code.ts'
import { readFunctions, readGlobals, readImports, readSections, Section } from './module-sections.ts'
import { readTypeSizes } from './module-types.ts'
import { WasmReader } from './wasm-reader.ts'

export { FUEL_EXPORT }
/** To be raised when any module comes out of {@link prepareModule} in another way: what was kept of older passes is made anew then. */
export const PREPARE_VERSION = 2
/** Names under which mutable globals are exported for resetting them: `teapot:global:0`, `teapot:global:1` … */
export const GLOBAL_EXPORT = 'teapot:global:'
/** Fuel of a module's own start function; for all that comes after it the host fills up. */
export const START_FUEL = 2_000_000_000

/** What a module is held to. */
export interface PrepareSettings {
  /** Pages (64 KiB) that the memories of an instance may have together. */
  readonly maxPages: number
  /** Elements that the tables of an instance may have together. */
  readonly maxTableElements: number
}

/** A module made ready for the sandbox. */
export interface PreparedModule {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Why memory and globals alone do not put an instance back, so that each call needs a fresh one; else `undefined`. */
  readonly unresettable: string | undefined
}

/** As sections follow one another (WebAssembly core §5.5.2). */
const ORDER = [
  ...[Section.type, Section.import, Section.function, Section.table, Section.memory, Section.tag, Section.global],
  ...[Section.export, Section.start, Section.element, Section.dataCount, Section.code, Section.data, Section.custom],
]
const EMPTY = new WasmReader(Uint8Array.of(0))
const I64 = 0x7e
const I64_CONST = 0x42
const END = 0x0b
const GLOBAL = 3

/**
 * Rewrites a core module: it counts its fuel down in an exported global (spec/host.md §8), its memories and tables cannot grow above a
 * limit, and each mutable global that holds a number has an export. Of custom sections only the names stay, since the others may
 * hold offsets that are wrong from then on.
 * @throws GuestFault `bad-module` when the engine finds the module invalid, when it starts above a limit, and when it uses what is not metered
 */
export function prepareModule(source: Uint8Array, settings: PrepareSettings): PreparedModule {
  return prepare(source, settings, undefined)
}

/**
 * Where an instruction of a prepared module, as a trap names it, is in the module as it was published.
 * @param offset in what {@link prepareModule} made of `source` and `settings`
 * @returns the offset in `source`; of what the pass put in, that of the instruction after it; `undefined` outside of code
 * @throws GuestFault as {@link prepareModule}
 */
export function originalOffset(source: Uint8Array, settings: PrepareSettings, offset: number): number | undefined {
  const copied: number[] = []
  prepare(source, settings, copied)
  let i = 0
  while (i < copied.length && copied[i]! <= offset) i += 2
  if (i === 0) return undefined
  const place = copied[i - 1]! + offset - copied[i - 2]!
  return Math.min(place, copied[i + 1] ?? place)
}

function prepare(source: Uint8Array, settings: PrepareSettings, copied: number[] | undefined): PreparedModule {
  const sections = readSections(source)
  validate(source)
  const section = (id: number) => copy(sections.get(id) ?? EMPTY)
  const imports = readImports(section(Section.import))
  const globals = readGlobals(section(Section.global))
  const fuelGlobal = imports.globals + globals.count
  const typeSizes = readTypeSizes(section(Section.type))
  const parameters = readFunctions(section(Section.function)).map((type) => typeSizes[type] ?? 0)
  let unresettable = globals.unresettable
  const rewrite: Record<number, (content: WasmReader, out: ByteWriter) => void> = {
    [Section.table]: (content, out) => capTables(content, settings.maxTableElements, out),
    [Section.memory]: (content, out) => {
      const memories = imports.memories + capMemories(content, settings.maxPages, out)
      if (memories > 1) unresettable ??= 'more than one memory'
    },
    [Section.global]: addFuel,
    [Section.export]: (content, out) => addExports(content, imports.globals, globals.mutable, fuelGlobal, out),
    [Section.code]: (content, out) => {
      const found = meterCode(content, { ...settings, fuelGlobal, parameters, typeSizes, copied }, out)
      unresettable ??= found
    },
  }
  const out = new ByteWriter(Math.ceil(source.length * 1.4) + 1024)
  out.copy(source, 0, 8)
  for (const id of ORDER) {
    if (!sections.has(id) && id !== Section.global && id !== Section.export) continue
    const content = section(id)
    out.byte(id)
    const start = out.beginSized()
    if (rewrite[id]) rewrite[id](content, out)
    else out.copy(source, content.at, content.end)
    out.endSized(start)
  }
  return { bytes: out.done(), unresettable }
}

/** By the engine itself, so that all that follows reads what is well-formed, and no index of what is added was there before. */
function validate(source: Uint8Array): void {
  const bytes = source as Uint8Array<ArrayBuffer>
  if (WebAssembly.validate(bytes)) return
  try {
    new WebAssembly.Module(bytes)
  } catch (error) {
    throw new GuestFault('bad-module', `Expected a valid module, found: ${(error as Error).message}`)
  }
}

const copy = (reader: WasmReader) => new WasmReader(reader.bytes, reader.at, reader.end)

function addFuel(section: WasmReader, out: ByteWriter): void {
  out.u32(section.u32() + 1)
  out.copy(section.bytes, section.at, section.end)
  out.append([I64, 1, I64_CONST])
  out.positive(START_FUEL)
  out.byte(END)
}

function addExports(section: WasmReader, imported: number, globals: number[], fuel: number, out: ByteWriter): void {
  out.u32(section.u32() + globals.length + 1)
  out.copy(section.bytes, section.at, section.end)
  for (const [i, global] of globals.entries()) addExport(GLOBAL_EXPORT + i, imported + global, out)
  addExport(FUEL_EXPORT, fuel, out)
}

function addExport(name: string, global: number, out: ByteWriter): void {
  const bytes = new TextEncoder().encode(name)
  out.u32(bytes.length)
  out.append(bytes)
  out.byte(GLOBAL)
  out.u32(global)
}
