import type { WasmReader } from './wasm-reader.ts'

/** Whether a value type is followed by a heap type of its own (WebAssembly core §5.3.4). */
export const isTypedReference = (type: number): boolean => type === 0x63 || type === 0x64

/** Passes over so many LEB128 numbers. */
export function skipNumbers(reader: WasmReader, count: number): void {
  for (; count > 0; count--) reader.skipLeb()
}

/** Passes over a value type. @returns its first byte */
export function skipValueType(reader: WasmReader): number {
  const type = reader.byte()
  if (isTypedReference(type)) reader.skipLeb()
  return type
}

/** Passes over a block type: none, a value type, or a type's index. @returns whether it is a typed reference */
export function skipBlockType(reader: WasmReader): boolean {
  const typed = isTypedReference(reader.bytes[reader.at] ?? 0)
  if (typed) reader.skip(1)
  reader.skipLeb()
  return typed
}

/** Passes over the clauses of `try_table`. */
export function skipCatchClauses(reader: WasmReader): void {
  for (let left = reader.u32(); left > 0; left--) skipNumbers(reader, reader.byte() < 2 ? 2 : 1)
}

/** Passes over alignment, memory and offset of a load or store. */
export function skipMemoryArgument(reader: WasmReader): void {
  if (reader.u32() & 0x40) reader.skipLeb()
  reader.skipLeb()
}

/** How many numbers follow an instruction of 0xFB, by its own number; of br_on_cast after a byte of flags. */
export const GC_NUMBERS = [1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 2, 1, 1, 1, 1, 0, 1, 2, 2, 2, 1, 1, 1, 1, 3, 3, 0, 0, 0, 0, 0]

/** Passes over a constant expression (WebAssembly core §3.4.12). @returns whether it makes a number or a plain reference */
export function skipConstant(reader: WasmReader): boolean {
  let plain = true
  for (let op = reader.byte(); op !== 0x0b; op = reader.byte()) {
    if (op === 0x41 || op === 0x42 || op === 0x23 || op === 0xd2 || op === 0xd0) reader.skipLeb()
    else if (op === 0x43) reader.skip(4)
    else if (op === 0x44) reader.skip(8)
    else if (op === 0xfd && reader.u32() === 12) reader.skip(16)
    else if (op === 0xfb) {
      skipNumbers(reader, GC_NUMBERS[reader.u32()] ?? 0)
      plain = false
    }
  }
  return plain
}
