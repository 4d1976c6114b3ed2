import { headOf, isList, type List, type Node } from './read-script.ts'

/** A number that a script names: its type, and its constant in the text format. */
export interface Constant {
  readonly type: string
  readonly text: string
}

/** A number that a script expects. Lanes that may be any of several NaNs stand as 0 in the constant. */
export interface Pattern extends Constant {
  readonly lanes: readonly Lane[]
}

interface Lane {
  readonly bytes: number
  readonly nan?: 'nan:canonical' | 'nan:arithmetic'
}

const LANES: Record<string, number> = { i8x16: 1, i16x8: 2, i32x4: 4, f32x4: 4, i64x2: 8, f64x2: 8 }
const NUMBER = /^(i32|i64|f32|f64|v128)\.const$/

const isNaNPattern = (node: Node): node is 'nan:canonical' | 'nan:arithmetic' =>
  node === 'nan:canonical' || node === 'nan:arithmetic'

/** The number that a node names, or `undefined` when it is a reference. */
export function readPattern(node: Node): Pattern | undefined {
  if (!isList(node) || !NUMBER.test(headOf(node))) return undefined
  const type = headOf(node).split('.')[0]!
  const shape = type === 'v128' ? (node.items[1] as string) : undefined
  const values = node.items.slice(shape === undefined ? 1 : 2)
  const bytes = shape === undefined ? Number(type.slice(1)) / 8 : LANES[shape]!
  const words = values.map((value) => (isNaNPattern(value) ? '0' : value))
  return {
    type,
    text: `(${type}.const ${shape ?? ''} ${words.join(' ')})`,
    lanes: values.map((value) => (isNaNPattern(value) ? { bytes, nan: value } : { bytes })),
  }
}

/** Whether the bytes of a number are those expected, little-endian (WebAssembly core §4.3.3 for NaNs). */
export function matches({ lanes }: Pattern, found: Uint8Array, expected: Uint8Array): boolean {
  let at = 0
  return lanes.every(({ bytes, nan }) => {
    const start = at
    at += bytes
    const lane = found.subarray(start, at)
    return nan === undefined ? Buffer.compare(lane, expected.subarray(start, at)) === 0 : isNaNOf(nan, lane)
  })
}

function isNaNOf(kind: 'nan:canonical' | 'nan:arithmetic', lane: Uint8Array): boolean {
  const bits = Buffer.from(lane)
  const [value, quiet, sign] =
    lane.length === 8
      ? [bits.readBigUInt64LE(), 0x7ff8_0000_0000_0000n, 1n << 63n]
      : [BigInt(bits.readUInt32LE()), 0x7fc0_0000n, 1n << 31n]
  return kind === 'nan:canonical' ? (value & ~sign) === quiet : (value & quiet) === quiet
}

/** Whether a reference that came out is one expected: of a kind, null, or the host's own with this number. */
export function matchesReference(expected: List, found: unknown, externs: (index: number) => object): boolean {
  const [kind, detail] = expected.items
  if (kind === 'ref.null') return found === null
  if (found === null || found === undefined) return false
  if (kind === 'ref.func') return typeof found === 'function'
  if (kind === 'ref.i31') return typeof found === 'number'
  if ((kind === 'ref.extern' || kind === 'ref.host') && typeof detail === 'string')
    return found === externs(Number(detail))
  return true
}
