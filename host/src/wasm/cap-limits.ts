import { GuestFault } from '../abi/guest-fault.ts'
import type { ByteWriter } from './byte-writer.ts'
import { skipConstant, skipValueType } from './immediates.ts'
import type { WasmReader } from './wasm-reader.ts'

/** Of a memory or a table (WebAssembly core §5.3.9). */
interface Limits {
  readonly initial: number
  readonly maximum: number
}

/** @throws GuestFault `bad-module` for what is shared, has 64-bit addresses, or pages of another size */
export function readLimits(reader: WasmReader): Limits {
  const flags = reader.byte()
  if (flags & 2) throw odd('threads (a shared memory)')
  if (flags & 4) throw odd('memory64 (64-bit addresses)')
  if (flags > 1) throw odd(`flags 0x${flags.toString(16)}`)
  return { initial: reader.u32(), maximum: flags === 1 ? reader.u32() : Number.POSITIVE_INFINITY }
}

const odd = (found: string) =>
  new GuestFault('bad-module', `Expected plain memories and tables of 32-bit addresses, found ${found}`)

/**
 * Rewrites a memory section: the memories have at most `maxPages` together.
 * @returns how many they are
 * @throws GuestFault `bad-module`
 */
export function capMemories(reader: WasmReader, maxPages: number, out: ByteWriter): number {
  const memories = Array.from({ length: reader.u32() }, () => readLimits(reader))
  out.u32(memories.length)
  for (const limits of capped(memories, maxPages, 'pages of memory')) writeLimits(limits, out)
  return memories.length
}

/**
 * Rewrites a table section: the tables have at most `maxElements` together.
 * @throws GuestFault `bad-module`
 */
export function capTables(reader: WasmReader, maxElements: number, out: ByteWriter): void {
  const tables = Array.from({ length: reader.u32() }, () => {
    const typeAt = reader.at
    // 0x40 0x00: elements begin with a value of the table's own.
    const filled = reader.bytes[typeAt] === 0x40
    if (filled) reader.skip(2)
    skipValueType(reader)
    const limitsAt = reader.at
    const limits = readLimits(reader)
    const valueAt = reader.at
    if (filled) skipConstant(reader)
    return { typeAt, limitsAt, limits, valueAt, end: reader.at }
  })
  out.u32(tables.length)
  const limits = capped(
    tables.map((table) => table.limits),
    maxElements,
    'table elements',
  )
  for (const [i, { typeAt, limitsAt, valueAt, end }] of tables.entries()) {
    out.copy(reader.bytes, typeAt, limitsAt)
    writeLimits(limits[i]!, out)
    out.copy(reader.bytes, valueAt, end)
  }
}

/** Maxima that keep within a cap: each memory or table may grow by an equal share of what is left of it. */
function capped(all: readonly Limits[], cap: number, of: string): Limits[] {
  const initial = all.reduce((sum, one) => sum + one.initial, 0)
  if (initial > cap) throw new GuestFault('bad-module', `Expected at most ${cap} ${of} at start, found ${initial}`)
  const share = Math.floor((cap - initial) / all.length)
  return all.map((one) => ({ initial: one.initial, maximum: Math.min(one.maximum, one.initial + share) }))
}

function writeLimits({ initial, maximum }: Limits, out: ByteWriter): void {
  out.byte(1)
  out.u32(initial)
  out.u32(maximum)
}
