import { GuestFault } from '../abi/guest-fault.ts'
import { ChargePoint, Kind } from './charge-point.ts'
import {
  GC_NUMBERS,
  skipBlockType,
  skipCatchClauses,
  skipMemoryArgument,
  skipNumbers,
  skipValueType,
} from './immediates.ts'
import {
  BULK_PRICE,
  ENDS_FLOW,
  ENTRY_PRICE,
  FORM_OF,
  Form,
  OBJECT_PRICE,
  PRICES,
  TABLE_PRICE,
  UNRESETTABLE,
} from './instructions.ts'
import type { WasmReader } from './wasm-reader.ts'

/** A block that is open. */
interface Frame {
  /** What its code belonged to where it began. */
  readonly region: ChargePoint
  readonly scope: ChargePoint
  /** The loop that it is: then a branch to it goes to its start. */
  readonly loop: ChargePoint | undefined
  /** A branch to it hands on no values. */
  readonly bare: boolean
  /** It has arms; else the code at its end belongs to {@link region}, unless some of it was skipped. */
  readonly arms: boolean
  /** An arm before was left from within. */
  parted: boolean
}

/** How many numbers follow an instruction of 0xFC, by its own number. */
const BULK_NUMBERS = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1]
const NO_VALUES = 0x40

/**
 * One walk over a function's body (WebAssembly core §5.4): where it is to be charged and for what, and whether it does what a snapshot
 * cannot put back. Every instruction belongs to a charge that it cannot be reached without, nor twice without passing it twice: that
 * of the function or of the innermost loop around it, or of a branch within those. The body must have been validated.
 */
export class BodyWalk {
  /** In the order of their places; the first is the entry. Those from {@link count} on are of other bodies. */
  readonly points: ChargePoint[] = []
  count = 0
  /** The first thing found, over all bodies, that a snapshot of memory and globals does not put back. */
  unresettable: string | undefined
  readonly #reader: WasmReader
  readonly #typeSizes: readonly number[]
  readonly #frames: Frame[] = []
  #region = new ChargePoint()
  #scope = this.#region
  /** What comes next is not reached from what came before. */
  #dead = false

  /**
   * @param reader over the code section; a walk begins at its place and leaves it at the end of the body
   * @param typeSizes fields of each structure type, by type index
   */
  constructor(reader: WasmReader, typeSizes: readonly number[]) {
    this.#reader = reader
    this.#typeSizes = typeSizes
  }

  /** Walks over instructions up to `end`, where the body ends. @throws GuestFault `bad-module` for what is not metered */
  walk(end: number): void {
    const reader = this.#reader
    const { bytes } = reader
    this.#begin()
    let { at } = reader
    let cost = 0
    while (at < end) {
      const op = bytes[at++]!
      const form = FORM_OF[op]!
      cost += PRICES[op]!
      // The most frequent ones: locals and constants; loads and stores; arithmetic.
      if (form === Form.number) while (bytes[at++]! > 127);
      else if (form === Form.memory) {
        if (bytes[at++]! & 0x40) while (bytes[at++]! > 127);
        while (bytes[at++]! > 127);
      } else if (form !== Form.plain) {
        this.#region.cost += cost
        cost = 0
        const opAt = at - 1
        reader.at = at
        if (form === Form.end && this.#frames.length === 0) break
        if (UNRESETTABLE[op] === 1) this.unresettable ??= `instruction 0x${op.toString(16)}`
        if (form <= Form.exit) this.#flow(form, opAt)
        else this.#uncommon(form, opAt)
        if (ENDS_FLOW[op] === 1) this.#dead = true
        at = reader.at
      }
    }
    if (at !== end) throw new GuestFault('bad-module', `Expected a function to end at offset ${end}, found ${at}`)
  }

  #begin(): void {
    this.count = 0
    this.#frames.length = 0
    this.#dead = false
    this.#region = this.#add(Kind.entry, this.#reader.at, ENTRY_PRICE)
    this.#region.scope = this.#region
    this.#region.depth = 0
    this.#scope = this.#region
  }

  #add(kind: number, place: number, cost: number): ChargePoint {
    if (this.count === this.points.length) this.points.push(new ChargePoint())
    const point = this.points[this.count++]!
    point.kind = kind
    point.place = place
    point.cost = cost
    point.absorbed = 0
    point.parent = this.#region
    point.scope = this.#scope
    point.calls = false
    point.root = undefined
    return point
  }

  /** Blocks, what parts and ends them, and what leaves them. */
  #flow(form: number, opAt: number): void {
    const reader = this.#reader
    if (form === Form.end) this.#close()
    else if (form === Form.branch) {
      const label = reader.u32()
      this.#leave(opAt, label, reader.bytes[opAt] !== 0x0c)
    } else if (form === Form.exit) this.#leave(opAt, this.#frames.length)
    else if (form === Form.table) {
      let furthest = 0
      for (let left = reader.u32(); left >= 0; left--) furthest = Math.max(furthest, reader.u32())
      // To the start of a loop leads no further out than to the end of the block around it.
      this.#leave(opAt, furthest)
    } else if (form === Form.delegate) {
      reader.skipLeb()
      this.#close()
    } else if (form === Form.else || form === Form.catchAll || form === Form.catch) {
      if (form === Form.catch) reader.skipLeb()
      this.#nextArm()
    } else this.#open(form, opAt)
  }

  #open(form: number, opAt: number): void {
    const reader = this.#reader
    const noValues = reader.bytes[reader.at] === NO_VALUES
    if (skipBlockType(reader)) this.unresettable ??= 'a typed reference'
    if (form === Form.tryTable) skipCatchClauses(reader)
    const region = this.#region
    const scope = this.#scope
    if (form === Form.loop) {
      const loop = this.#add(Kind.loop, reader.at, ENTRY_PRICE)
      loop.loopAt = opAt
      loop.outer = scope
      loop.depth = scope.depth + 1
      loop.scope = loop
      this.#region = loop
      this.#scope = loop
      this.#frames.push({ region, scope, loop, bare: noValues, arms: false, parted: false })
    } else {
      const arms = form === Form.if
      if (arms) this.#branch()
      this.#frames.push({ region, scope, loop: undefined, bare: noValues, arms, parted: false })
    }
  }

  #branch(): void {
    this.#region = this.#add(Kind.branch, this.#reader.at, 0)
  }

  #nextArm(): void {
    const frame = this.#frames.at(-1)!
    frame.parted ||= this.#dead
    this.#region = frame.region
    this.#branch()
    this.#dead = false
  }

  /** What follows a block that was left from within is a branch of its own. */
  #close(): void {
    const { region, scope, loop, arms, parted } = this.#frames.pop()!
    const skipped = !arms && this.#region !== region
    const now = this.#scope
    this.#region = region
    if (loop !== undefined) {
      // Nothing but its end leads from a loop to what follows it: its label is at its start.
      if (now.calls) scope.calls = true
      if (!this.#dead) this.#exit(this.#reader.at, scope)
      this.#scope = scope
      return
    }
    if (parted || skipped || this.#dead) this.#branch()
    this.#dead = false
  }

  /** A branch to a label, which may lead out of a loop. @param conditional whether it may also go on */
  #leave(opAt: number, label: number, conditional = false): void {
    const frame = this.#frames[this.#frames.length - 1 - label]
    const target = frame?.loop ?? frame?.scope ?? this.points[0]!
    if (target === this.#scope) return
    const exit = this.#exit(opAt, target)
    if (!conditional) return
    exit.end = this.#reader.at
    if (frame?.bare && this.#reader.bytes[opAt] === 0x0d) exit.label = label
  }

  #exit(place: number, target: ChargePoint): ChargePoint {
    const exit = this.#add(Kind.exit, place, 0)
    exit.target = target
    exit.label = -1
    exit.end = -1
    return exit
  }

  #calls(): void {
    this.#scope.calls = true
    this.#region.calls = true
  }

  #uncommon(form: number, opAt: number): void {
    const reader = this.#reader
    if (form === Form.call) {
      reader.skipLeb()
      this.#calls()
    } else if (form === Form.callIndirect) {
      skipNumbers(reader, 2)
      this.#calls()
    } else if (form === Form.throw) {
      if (reader.bytes[opAt] !== 0x0a) reader.skipLeb()
      this.#calls()
    } else if (form === Form.float32) reader.skip(4)
    else if (form === Form.float64) reader.skip(8)
    else if (form === Form.oddNumber) reader.skipLeb()
    else if (form === Form.types) for (let left = reader.u32(); left > 0; left--) skipValueType(reader)
    else if (form === Form.grow) {
      reader.skipLeb()
      this.#size(Kind.pages, opAt)
    } else if (form === Form.bulk) this.#bulk(opAt)
    else if (form === Form.gc) this.#gc(opAt)
    else if (form === Form.vector) this.#vector(opAt)
    else if (form === Form.atomic) throw refused('threads (atomic instructions)', opAt)
    else if (form !== Form.oddPlain) throw refused(`instruction 0x${reader.bytes[opAt]!.toString(16)}`, opAt)
  }

  /** A charge for the size on top of the stack, before the instruction that takes it. */
  #size(kind: number, opAt: number, price: number = BULK_PRICE): void {
    this.#region.cost += price
    this.#add(kind, opAt, 0)
  }

  /** 0xFC: saturating truncation; memories and tables in bulk. */
  #bulk(opAt: number): void {
    const reader = this.#reader
    const op = reader.u32()
    if (op > 17) throw refused(`instruction 0xfc ${op}`, opAt)
    skipNumbers(reader, BULK_NUMBERS[op]!)
    if (op === 8 || op === 10 || op === 11) this.#size(Kind.bytes, opAt)
    else if (op === 15) this.#size(Kind.slots, opAt, TABLE_PRICE)
    else if (op === 12 || op === 14 || op === 17) this.#size(Kind.entries, opAt, TABLE_PRICE)
    if (op === 9 || (op > 11 && op !== 16)) this.unresettable ??= `instruction 0xfc ${op}`
  }

  /** 0xFB: structures, arrays, casts. */
  #gc(opAt: number): void {
    const reader = this.#reader
    const op = reader.u32()
    if (op > 30) throw refused(`instruction 0xfb ${op}`, opAt)
    if (op <= 1) this.#region.cost += OBJECT_PRICE + (this.#typeSizes[reader.u32()] ?? 0)
    else if (op === 8) {
      reader.skipLeb()
      this.#region.cost += OBJECT_PRICE + reader.u32()
    } else if (op === 24 || op === 25) {
      reader.skip(1)
      const label = reader.u32()
      skipNumbers(reader, 2)
      this.#leave(opAt, label, true)
    } else skipNumbers(reader, GC_NUMBERS[op]!)
    if ((op >= 6 && op <= 10 && op !== 8) || (op >= 16 && op <= 19)) this.#size(Kind.elements, opAt)
  }

  /** 0xFD: vectors of 128 bits. */
  #vector(opAt: number): void {
    const reader = this.#reader
    const op = reader.u32()
    if (op >= 0x100) throw refused('relaxed SIMD, whose results differ between processors,', opAt)
    if (op === 12 || op === 13) reader.skip(16)
    else if (op <= 11 || op === 92 || op === 93) skipMemoryArgument(reader)
    else if (op >= 21 && op <= 34) reader.skip(1)
    else if (op >= 84 && op <= 91) {
      skipMemoryArgument(reader)
      reader.skip(1)
    }
  }
}

const refused = (what: string, at: number) =>
  new GuestFault('bad-module', `Expected instructions that can be metered, found ${what} at offset ${at}`)
