import { GuestFault } from '../abi/guest-fault.ts'
import { skipNumbers, skipValueType } from './immediates.ts'
import type { WasmReader } from './wasm-reader.ts'

/**
 * Reads a type section (WebAssembly core §5.5.4).
 * @returns by type index: the parameters of a function, the fields of a structure
 */
export function readTypeSizes(reader: WasmReader): number[] {
  const sizes: number[] = []
  for (let groups = reader.u32(); groups > 0; groups--) {
    const recursive = reader.bytes[reader.at] === 0x4e
    if (recursive) reader.skip(1)
    for (let types = recursive ? reader.u32() : 1; types > 0; types--) sizes.push(readTypeSize(reader))
  }
  return sizes
}

function readTypeSize(reader: WasmReader): number {
  let form = reader.byte()
  if (form === 0x50 || form === 0x4f) {
    skipNumbers(reader, reader.u32())
    form = reader.byte()
  }
  if (form === 0x5e) return skipFields(reader, 1)
  if (form === 0x5f) return skipFields(reader, reader.u32())
  if (form !== 0x60)
    throw new GuestFault(
      'bad-module',
      `Expected types of functions, structures and arrays, found 0x${form.toString(16)}`,
    )
  const parameters = skipValueTypes(reader)
  skipValueTypes(reader)
  return parameters
}

function skipValueTypes(reader: WasmReader): number {
  const count = reader.u32()
  for (let i = 0; i < count; i++) skipValueType(reader)
  return count
}

function skipFields(reader: WasmReader, count: number): number {
  for (let i = 0; i < count; i++) {
    skipValueType(reader)
    reader.skip(1)
  }
  return count
}
