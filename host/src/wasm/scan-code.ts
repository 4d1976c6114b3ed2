import type { WasmReader } from './wasm-reader.ts'

const TYPED_REFERENCE = 'a typed reference'

/**
 * Whether a code section holds state that a snapshot of memory and globals does not put back: writes to tables, dropped
 * segments, and whatever this scan does not know (garbage collection, exceptions, threads). The answer errs to `true`.
 * @returns the first instruction found, for the log, or `undefined`.
 */
export function findUnresettable(code: WasmReader): string | undefined {
  const bodies = code.u32()
  for (let i = 0; i < bodies; i++) {
    const body = code.slice(code.u32())
    const found = scanBody(body)
    if (found !== undefined) return found
  }
  return undefined
}

function scanBody(body: WasmReader): string | undefined {
  const groups = body.u32()
  for (let i = 0; i < groups; i++) {
    body.u32()
    if (isTypedReference(body.byte())) return TYPED_REFERENCE
  }
  while (!body.done) {
    const found = scanInstruction(body, body.byte())
    if (found !== undefined) return found
  }
  return undefined
}

/** Passes over one instruction's immediates (WebAssembly core §5.4). */
function scanInstruction(body: WasmReader, op: number): string | undefined {
  // Order by frequency in compiled code: locals, constants, plain numeric, memory, calls and control.
  if (op >= 0x20 && op <= 0x25) body.u32()
  else if (op === 0x41 || op === 0x42) body.skipLeb()
  else if ((op >= 0x45 && op <= 0xc4) || op <= 0x01 || op === 0x05 || op === 0x0b || op === 0x0f) return
  else if (op === 0x1a || op === 0x1b || op === 0xd1) return
  else if (op >= 0x28 && op <= 0x3e) memoryArgument(body)
  else if (op === 0x0c || op === 0x0d || op === 0x10 || op === 0x12) body.u32()
  else if (op >= 0x02 && op <= 0x04) return scanBlockType(body)
  else if (op === 0x3f || op === 0x40) body.u32()
  else if (op === 0x11 || op === 0x13) {
    body.u32()
    body.u32()
  } else if (op === 0x0e) {
    for (let targets = body.u32(); targets >= 0; targets--) body.u32()
  } else if (op === 0x43) body.skip(4)
  else if (op === 0x44) body.skip(8)
  else if (op === 0x1c) return scanTypes(body)
  else if (op === 0xd0) body.skipLeb()
  else if (op === 0xd2) body.u32()
  else if (op === 0xfc) return scanBulk(body)
  else if (op === 0xfd) return scanVector(body)
  else return `instruction 0x${op.toString(16)}`
  return undefined
}

/** These two are followed by a heap type; what can hold one is outside of what a snapshot covers. */
function isTypedReference(type: number): boolean {
  return type === 0x63 || type === 0x64
}

function scanBlockType(body: WasmReader): string | undefined {
  if (isTypedReference(body.bytes[body.at] ?? 0)) return TYPED_REFERENCE
  body.skipLeb()
  return undefined
}

function scanTypes(body: WasmReader): string | undefined {
  for (let left = body.u32(); left > 0; left--) if (isTypedReference(body.byte())) return TYPED_REFERENCE
  return undefined
}

function memoryArgument(body: WasmReader): void {
  if (body.u32() & 0x40) body.u32()
  body.skipLeb()
}

/** 0xFC: saturating truncation, bulk memory, tables. */
function scanBulk(body: WasmReader): string | undefined {
  const op = body.u32()
  if (op <= 7) return
  if (op === 8 || op === 10) {
    body.u32()
    body.u32()
  } else if (op === 11 || op === 16) body.u32()
  else return `instruction 0xfc ${op}`
  return undefined
}

/** 0xFD: 128-bit vectors, relaxed ones included. */
function scanVector(body: WasmReader): string | undefined {
  const op = body.u32()
  if (op <= 11 || op === 92 || op === 93) memoryArgument(body)
  else if (op === 12 || op === 13) body.skip(16)
  else if (op >= 21 && op <= 34) body.skip(1)
  else if (op >= 84 && op <= 91) {
    memoryArgument(body)
    body.skip(1)
  } else if (op > 0x1ff) return `instruction 0xfd ${op}`
  return undefined
}
