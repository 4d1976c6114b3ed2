import { GuestFault } from '../abi/guest-fault.ts'
import { encodeU32, WasmReader } from '../wasm/wasm-reader.ts'
import { readNames } from './component-names.ts'
import { isCoreName } from './names.ts'

/** Custom section that marks a skeleton's core modules: its content is the index into {@link Skeleton.modules}. */
const MARK = 'teapot:core'
const MARK_BYTES = new TextEncoder().encode(MARK)
const HEADER_BYTES = 8
const CORE_HEADER = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00)
const COMPONENT_HEADER = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00)
/** Component model, Binary Format: sections of a component. */
const Section = { custom: 0, coreModule: 1, component: 4, canon: 8 } as const
/** WebAssembly core §5.5.2. */
const CoreSection = { custom: 0, code: 10, data: 11, dataCount: 12 } as const
/** `unreachable`, without locals. */
const EMPTY_BODY = [3, 0x00, 0x00, 0x0b]
const DEEPEST = 16
const MOST_MODULES = 256

/** What is left of a component when all that its shape does not need is taken out. */
export interface Skeleton {
  /**
   * The component without custom sections, function bodies and data. All that jco makes of a component follows from it, and
   * neither text that nobody checked nor the bulk of the code comes to it.
   */
  readonly bytes: Uint8Array
  /** Its core modules as they were, in the order of their marks. */
  readonly modules: readonly Uint8Array[]
  /** Top-level imports, in the order of the component. */
  readonly imports: readonly string[]
  /** Top-level exports. */
  readonly exports: readonly string[]
  /** Every name by which anything is exported at any depth: what an exported function may be called. */
  readonly names: ReadonlySet<string>
}

/**
 * Checks every name of a component, and takes it apart.
 * @throws GuestFault `bad-module` for bytes that are no component of the forms known here (0.2, without values and core types),
 * and for a name outside of the grammar (names.ts): jco pastes names into JavaScript as they are
 */
export function readSkeleton(component: Uint8Array): Skeleton {
  const modules: Uint8Array[] = []
  const imports: string[] = []
  const exports: string[] = []
  const names = new Set<string>()
  const strip = (bytes: Uint8Array, depth: number): Uint8Array => {
    if (depth > DEEPEST)
      throw new GuestFault('bad-module', `Expected components nested at most ${DEEPEST} deep, found more`)
    const out: Uint8Array[] = [COMPONENT_HEADER]
    for (const { id, body } of sectionsOf(bytes, COMPONENT_HEADER, 'component of version 0x0d, layer 1')) {
      const content = body.bytes.subarray(body.at, body.end)
      if (id === Section.custom) continue
      if (id === Section.coreModule) {
        if (modules.push(content) > MOST_MODULES)
          throw new GuestFault('bad-module', `Expected at most ${MOST_MODULES} core modules, found more`)
        emit(out, id, stripModule(content, modules.length - 1))
      } else if (id === Section.component) emit(out, id, strip(content, depth + 1))
      else {
        if (id !== Section.canon) readNames(id, body, depth === 0 ? { imports, exports, names } : { names })
        emit(out, id, content)
      }
    }
    return Buffer.concat(out)
  }
  return { bytes: strip(component, 0), modules, imports, exports, names }
}

/** Which module of the skeleton's these bytes are, `undefined` when the generator made them. */
export function markOf(module: Uint8Array): number | undefined {
  for (const { id, body } of sectionsOf(module, CORE_HEADER, 'core module of version 1'))
    if (id === CoreSection.custom && equal(nameOf(body), MARK_BYTES)) return body.u32()
  return undefined
}

function stripModule(module: Uint8Array, index: number): Uint8Array {
  const out: Uint8Array[] = [CORE_HEADER]
  for (const { id, body } of sectionsOf(module, CORE_HEADER, 'core module of version 1')) {
    const content = body.bytes.subarray(body.at, body.end)
    if (id === CoreSection.code) {
      const count = body.u32()
      // Each body has at least its size: no count can ask for more than four times the bytes there are.
      if (count > body.end - body.at)
        throw new GuestFault('bad-module', `Expected ${count} function bodies, found fewer`)
      const bodies = new Uint8Array(count * EMPTY_BODY.length)
      for (let i = 0; i < count; i++) bodies.set(EMPTY_BODY, i * EMPTY_BODY.length)
      emit(out, id, Uint8Array.of(...encodeU32(count)), bodies)
    } else if (id !== CoreSection.custom && id !== CoreSection.data && id !== CoreSection.dataCount)
      emit(out, id, content)
  }
  emit(out, CoreSection.custom, Uint8Array.of(MARK_BYTES.length), MARK_BYTES, Uint8Array.of(...encodeU32(index)))
  const stripped = new Uint8Array(Buffer.concat(out))
  checkCoreNames(stripped)
  return stripped
}

/** Checks what a core module imports and exports by. @throws GuestFault `bad-module` */
function checkCoreNames(bytes: Uint8Array<ArrayBuffer>): void {
  const module = compile(bytes)
  const names = [
    ...WebAssembly.Module.imports(module).flatMap((item) => [item.module, item.name]),
    ...WebAssembly.Module.exports(module).map((item) => item.name),
  ]
  for (const name of names)
    if (!isCoreName(name))
      throw new GuestFault(
        'bad-module',
        `Expected names that toolchains use in core modules, found ${JSON.stringify(name)}`,
      )
}

function compile(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes)
  } catch (error) {
    throw new GuestFault('bad-module', `Expected a valid core module, found: ${(error as Error).message}`)
  }
}

function* sectionsOf(bytes: Uint8Array, header: Uint8Array, what: string): Generator<{ id: number; body: WasmReader }> {
  if (bytes.length < HEADER_BYTES || header.some((byte, i) => bytes[i] !== byte))
    throw new GuestFault('bad-module', `Expected a ${what}, found other bytes`)
  const reader = new WasmReader(bytes, HEADER_BYTES)
  while (!reader.done) {
    const id = reader.byte()
    yield { id, body: reader.slice(reader.u32()) }
  }
}

function nameOf(body: WasmReader): Uint8Array {
  const name = body.slice(body.u32())
  return name.bytes.subarray(name.at, name.end)
}

const equal = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i])

function emit(out: Uint8Array[], id: number, ...content: Uint8Array[]): void {
  const length = content.reduce((size, part) => size + part.length, 0)
  out.push(Uint8Array.of(id, ...encodeU32(length)), ...content)
}
