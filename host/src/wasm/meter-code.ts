import type { ByteWriter } from './byte-writer.ts'
import { type ChargePoint, Kind } from './charge-point.ts'
import { isTypedReference, skipValueType } from './immediates.ts'
import { CALL_PRICE } from './instructions.ts'
import { BodyWalk } from './walk-body.ts'
import type { WasmReader } from './wasm-reader.ts'

/** What the code of a module is metered with. */
export interface Meter {
  /** Index of the counter, an i64 global. */
  readonly fuelGlobal: number
  /** Parameters of each function of the code section. */
  readonly parameters: readonly number[]
  /** Fields of each structure type, by type index. */
  readonly typeSizes: readonly number[]
  readonly maxPages: number
  readonly maxTableElements: number
  /** Is told what was copied: offset in the output, offset in the source, in turns. */
  readonly copied: number[] | undefined
}

/** A branch that costs less has no charge of its own: it is part of what it branches from, … */
const BRANCH_FUEL = 32
/** … which takes so much at most: an interpreter's loop must not pay for each instruction that it knows in each round. */
const MOST_ABSORBED = 64
/** What one of a size costs, as a power of two: a page is so many bytes. */
const SHIFT = { [Kind.elements]: 3, [Kind.entries]: 5, [Kind.slots]: 5, [Kind.pages]: 16 } as Record<number, number>
const I64 = 0x7e
const I32 = 0x7f
const Op = {
  unreachable: 0x00,
  if: 0x04,
  end: 0x0b,
  br: 0x0c,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  i32Const: 0x41,
  i64Const: 0x42,
  i32LessOrEqual: 0x4d,
  i64Less: 0x53,
  i64Sub: 0x7d,
  i64Shl: 0x86,
  i64ExtendU: 0xad,
} as const
const NO_VALUES = 0x40
const MAX_I32 = 0x7fff_ffff

/**
 * Writes a code section's content with charges in it (spec/host.md §8.1).
 * @returns the first thing found that a snapshot of memory and globals does not put back, for the log, or `undefined`
 * @throws GuestFault `bad-module` for instructions that are not metered
 */
export function meterCode(code: WasmReader, meter: Meter, out: ByteWriter): string | undefined {
  const walk = new BodyWalk(code, meter.typeSizes)
  const body = new BodyMeter(code, meter, walk, out)
  const bodies = code.u32()
  out.u32(bodies)
  for (let i = 0; i < bodies; i++) {
    const end = code.u32() + code.at
    body.write(end, meter.parameters[i] ?? 0)
  }
  return walk.unresettable
}

/** Writes one body after the other. */
class BodyMeter {
  readonly #code: WasmReader
  readonly #meter: Meter
  readonly #walk: BodyWalk
  readonly #out: ByteWriter
  /** Locals of the body at work: the counter, a size. */
  #fuel = 0
  #size = 0
  /** {@link #fuel} is the counter wherever no loop is around. */
  #known = false

  constructor(code: WasmReader, meter: Meter, walk: BodyWalk, out: ByteWriter) {
    this.#code = code
    this.#meter = meter
    this.#walk = walk
    this.#out = out
  }

  /** @param end where the body at the reader's place ends */
  write(end: number, parameters: number): void {
    const code = this.#code
    const out = this.#out
    const start = code.at
    const groups = code.u32()
    const groupsAt = code.at
    let locals = parameters
    for (let i = 0; i < groups; i++) {
      locals += code.u32()
      if (isTypedReference(skipValueType(code))) this.#walk.unresettable ??= 'a typed reference'
    }
    const bodyAt = code.at
    this.#walk.walk(end)
    this.#fuel = locals
    this.#size = locals + 1
    const sizeAt = out.beginSized()
    if (this.#settle()) {
      out.u32(groups + 2)
      out.copy(code.bytes, groupsAt, bodyAt)
      out.append([1, I64, 1, I32])
      this.#insert(bodyAt, end)
    } else this.#copy(start, end)
    out.endSized(sizeAt)
  }

  /** Decides what is charged where. @returns whether anything is to be put in */
  #settle(): boolean {
    const { points, count } = this.#walk
    const entry = points[0]!
    const early: ChargePoint[] = []
    let charged = false
    for (let i = 1; i < count; i++) {
      const point = points[i]!
      if (point.kind === Kind.loop && !point.calls) point.root = point.outer.root ?? point
      if (point.kind !== Kind.branch && point.kind !== Kind.exit) charged = true
    }
    for (let i = count - 1; i > 0; i--) {
      const point = points[i]!
      if (point.kind !== Kind.branch) continue
      if (point.cost >= BRANCH_FUEL || point.parent.absorbed + point.cost > MOST_ABSORBED) charged = true
      else if (point.parent === entry && point.calls) early.push(point)
      else hand(point, point.parent)
    }
    // A function that often ends before it calls anything is charged where it goes on: its caller paid for what is before.
    if (entry.cost > CALL_PRICE) for (const point of early) hand(point, entry)
    else entry.cost = 0
    this.#known = entry.cost > 0 && !entry.calls
    return charged || entry.cost > 0 || early.length > 0
  }

  #insert(start: number, end: number): void {
    const { points, count } = this.#walk
    let at = start
    for (let i = 0; i < count; i++) {
      const point = points[i]!
      const { kind, place, scope } = point
      if (kind === Kind.exit) {
        if (scope.root === undefined || scope.root === point.target.root) continue
        this.#copy(at, place)
        at = this.#exit(point)
        continue
      }
      if (kind < Kind.bytes && point.cost === 0) continue
      if (kind === Kind.loop && point.root === point) {
        this.#copy(at, point.loopAt)
        at = point.loopAt
        this.#enterLoop()
      }
      this.#copy(at, place)
      at = place
      this.#charge(point)
    }
    this.#copy(at, end)
  }

  #copy(start: number, end: number): void {
    this.#meter.copied?.push(this.#out.length, start)
    this.#out.copy(this.#code.bytes, start, end)
  }

  /** The counter moves to its local, all of it: so a trap inside is never cheaper than what was used. */
  #enterLoop(): void {
    if (!this.#known) {
      this.#index(Op.globalGet, this.#meter.fuelGlobal)
      this.#index(Op.localSet, this.#fuel)
    }
    this.#emptyGlobal()
  }

  /** And back. @returns the offset where the body goes on */
  #exit({ label, place, end }: ChargePoint): number {
    if (label >= 0) this.#out.append([Op.if, NO_VALUES])
    this.#writeBack()
    if (end < 0) return place
    if (label >= 0) {
      this.#index(Op.br, label + 1)
      this.#out.byte(Op.end)
    } else {
      // What it hands on lies on the stack, so that it must come first: where it goes on, the counter is the local's again.
      this.#copy(place, end)
      this.#emptyGlobal()
    }
    return end
  }

  #emptyGlobal(): void {
    this.#number(Op.i64Const, 0)
    this.#index(Op.globalSet, this.#meter.fuelGlobal)
  }

  #writeBack(): void {
    this.#index(Op.localGet, this.#fuel)
    this.#index(Op.globalSet, this.#meter.fuelGlobal)
  }

  /** The counter less the price; below zero it traps, with the global below zero too. */
  #charge({ kind, cost, scope }: ChargePoint): void {
    const sized = kind >= Kind.bytes
    const inLocal = scope.root !== undefined || (this.#known && kind !== Kind.entry)
    if (sized) this.#index(Op.localTee, this.#size)
    if (inLocal) this.#index(Op.localGet, this.#fuel)
    else this.#index(Op.globalGet, this.#meter.fuelGlobal)
    if (sized) this.#sizePrice(kind)
    else this.#number(Op.i64Const, cost)
    this.#out.byte(Op.i64Sub)
    this.#index(Op.localTee, this.#fuel)
    if (scope.root === undefined) {
      this.#index(Op.globalSet, this.#meter.fuelGlobal)
      this.#index(Op.localGet, this.#fuel)
    }
    this.#number(Op.i64Const, 0)
    this.#out.append([Op.i64Less, Op.if, NO_VALUES])
    if (scope.root !== undefined) this.#writeBack()
    this.#out.append([Op.unreachable, Op.end])
  }

  /** The price of the size, an i64. A memory or table that asks for more than there may be gets nothing and pays nothing. */
  #sizePrice(kind: number): void {
    this.#index(Op.localGet, this.#size)
    this.#out.byte(Op.i64ExtendU)
    if (kind === Kind.bytes) return
    this.#number(Op.i64Const, SHIFT[kind]!)
    this.#out.byte(Op.i64Shl)
    if (kind < Kind.pages) return
    this.#number(Op.i64Const, 0)
    this.#index(Op.localGet, this.#size)
    this.#number(
      Op.i32Const,
      kind === Kind.pages ? this.#meter.maxPages : Math.min(this.#meter.maxTableElements, MAX_I32),
    )
    this.#out.append([Op.i32LessOrEqual, Op.select])
  }

  #index(op: number, index: number): void {
    this.#out.byte(op)
    this.#out.u32(index)
  }

  #number(op: number, value: number): void {
    this.#out.byte(op)
    this.#out.positive(value)
  }
}

function hand(point: ChargePoint, to: ChargePoint): void {
  to.cost += point.cost
  to.absorbed += point.cost
  if (point.calls) to.calls = true
  point.cost = 0
}
