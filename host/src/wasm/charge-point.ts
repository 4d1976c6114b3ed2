/**
 * What is charged, or done for the sake of it: the cost of the code that begins with a function, a loop's round or a branch; the size
 * that an instruction takes, in bytes, elements of an array, entries of a table, pages that a memory or slots that a table is to grow by;
 * and what leaves a loop.
 */
export const Kind = {
  entry: 0,
  loop: 1,
  branch: 2,
  bytes: 3,
  elements: 4,
  entries: 5,
  pages: 6,
  slots: 7,
  exit: 8,
} as const

/** A place in a function's body where the pass puts something in. Which fields count follows from the kind. */
export class ChargePoint {
  /** One of {@link Kind}. */
  kind = 0
  /** Offset of the instruction that it goes before; of a loop, of the first one inside. */
  place = 0
  /** Units of fuel. */
  cost = 0
  /** How much of the cost was that of branches. */
  absorbed = 0
  /** Of a branch: what takes over its cost when it is too small for a charge of its own. */
  parent: ChargePoint = this
  /** The innermost loop around, or the function's entry; of a loop, itself. */
  scope: ChargePoint = this
  /** Something is called there: of a loop or entry, anywhere inside; of a branch, in its own part. */
  calls = false
  /** Of a loop: the scope around it, how deep it is, and the offset of its own instruction. */
  outer: ChargePoint = this
  depth = 0
  loopAt = 0
  /** Of a loop that calls nothing: the outermost such loop around it, or itself. Within it the counter is kept in a local. */
  root: ChargePoint | undefined
  /** Of an exit: the scope that it leads to. */
  target: ChargePoint = this
  /** Of an exit that may also not be taken: the offset after it; of one by `br_if` that hands on no values its label too. Else -1. */
  end = -1
  label = -1
}
