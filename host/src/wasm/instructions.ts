/**
 * The instructions of WebAssembly 3.0 and of legacy exceptions by their first byte: what follows them in the binary (WebAssembly core
 * §5.4), and what they cost (spec/host.md §8.2).
 */

/** What follows an instruction's byte; the walk over a body has a way for each. */
export const Form = {
  unknown: 0,
  plain: 1,
  /** One LEB128 of any kind. */
  number: 2,
  memory: 3,
  block: 4,
  loop: 5,
  if: 6,
  else: 7,
  end: 8,
  catch: 9,
  catchAll: 10,
  delegate: 11,
  tryTable: 12,
  branch: 13,
  table: 14,
  /** It leaves the function. */
  exit: 15,
  call: 16,
  callIndirect: 17,
  throw: 18,
  float32: 19,
  float64: 20,
  types: 21,
  grow: 22,
  gc: 23,
  bulk: 24,
  vector: 25,
  atomic: 26,
  /** As {@link Form.plain} and {@link Form.number}, of what a snapshot does not put back. */
  oddPlain: 27,
  oddNumber: 28,
} as const

/** {@link Form} by an instruction's first byte. */
export const FORM_OF = new Uint8Array(256)
/** Units of fuel by an instruction's first byte. */
export const PRICES = new Uint16Array(256)
/** 1: nothing falls through to what comes after it. None of these is plain, a number or a memory's. */
export const ENDS_FLOW = new Uint8Array(256)
/** 1: it changes, or may change, what a snapshot of memory and globals does not put back. */
export const UNRESETTABLE = new Uint8Array(256)

/** Of a call, and of all of a function that needs no more, calls nothing and has no loop: its caller paid for it. */
export const CALL_PRICE = 10
/** Of entering any other function, and of each round of a loop. */
export const ENTRY_PRICE = 1
/** Of an instruction that takes a size, besides that size. */
export const BULK_PRICE = 16
/** The same of an instruction on a table. */
export const TABLE_PRICE = 100
/** Of a new object, besides its fields or elements. */
export const OBJECT_PRICE = 16
const INDIRECT_CALL_PRICE = 14
const DIVISION_PRICE = 8
const THROW_PRICE = 500
const VECTOR_PRICE = 2

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i)

function define(form: number, price: number, ...ops: number[]): void {
  for (const op of ops) {
    FORM_OF[op] = form
    PRICES[op] = price
  }
}

define(Form.plain, 0, 0x01, 0x1a, 0xd1)
define(Form.plain, 1, 0x1b, ...range(0x45, 0xc4))
define(Form.oddPlain, 1, 0xd3, 0xd4)
define(Form.oddNumber, 1, 0x26)
define(Form.plain, DIVISION_PRICE, ...range(0x6d, 0x70), ...range(0x7f, 0x82), 0x91, 0x95, 0x9f, 0xa3)
define(Form.number, 0, 0x20, 0x41, 0x42, 0xd0)
define(Form.number, 1, ...range(0x21, 0x25), 0x3f, 0xd2)
define(Form.branch, 1, 0x0c, 0x0d, 0xd5, 0xd6)
define(Form.exit, 1, 0x00, 0x0f)
define(Form.throw, THROW_PRICE, 0x08, 0x09, 0x0a)
define(Form.memory, 1, ...range(0x28, 0x3e))
define(Form.call, CALL_PRICE, 0x10, 0x12)
define(Form.call, INDIRECT_CALL_PRICE, 0x14, 0x15)
define(Form.callIndirect, INDIRECT_CALL_PRICE, 0x11, 0x13)
define(Form.float32, 0, 0x43)
define(Form.float64, 0, 0x44)
define(Form.table, 2, 0x0e)
define(Form.types, 1, 0x1c)
define(Form.block, 0, 0x02, 0x06)
define(Form.loop, 0, 0x03)
define(Form.if, 1, 0x04)
define(Form.else, 0, 0x05)
define(Form.end, 0, 0x0b)
define(Form.catch, 0, 0x07)
define(Form.catchAll, 0, 0x19)
define(Form.delegate, 0, 0x18)
define(Form.tryTable, 0, 0x1f)
define(Form.grow, 1, 0x40)
define(Form.gc, 1, 0xfb)
define(Form.bulk, 1, 0xfc)
define(Form.vector, VECTOR_PRICE, 0xfd)
define(Form.atomic, 0, 0xfe)

for (const op of [0x00, 0x08, 0x09, 0x0a, 0x0c, 0x0e, 0x0f, 0x12, 0x13, 0x15]) ENDS_FLOW[op] = 1
// Table writes, exceptions, typed references and garbage collection: the answer errs to 1.
for (const op of [...range(0x06, 0x0a), 0x14, 0x15, 0x18, 0x19, 0x1f, 0x26, ...range(0xd3, 0xd6), 0xfb])
  UNRESETTABLE[op] = 1
