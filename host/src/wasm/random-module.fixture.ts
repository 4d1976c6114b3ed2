/** Rounds of loops and calls that a random module makes at most; it counts them in its exported global `ticks`. */
export const MOST_TICKS = 500

const FUNCTIONS = 3
const DEPTH = 6
/** Counts a tick, and ends the function when there were enough: so every module ends. */
const TICK = `(global.set $ticks (i32.add (global.get $ticks) (i32.const 1)))
  (if (i32.ge_u (global.get $ticks) (i32.const ${MOST_TICKS})) (then (return (i32.const -1))))`

/**
 * The text of a module made of a list of choices: blocks, loops, branches of every kind, calls, exceptions, memory. Its function `f` takes two
 * numbers and gives one. A shorter list gives a smaller module.
 */
export function randomModule(choices: readonly number[]): string {
  let at = 0
  const choose = (below: number): number => (choices[at++] ?? 0) % below
  const writer = new Writer(choose)
  const functions = Array.from(
    { length: FUNCTIONS },
    (_, i) =>
      `(func $f${i} ${i === 0 ? '(export "f")' : ''} (param $a i32) (param $b i32) (result i32) (local $x i32)
        ${TICK} ${writer.statements(0)} ${writer.number(0)})`,
  )
  return `(module (memory (export "memory") 1 8) (tag $e) (global $ticks (export "ticks") (mut i32) (i32.const 0))
    (type $t (func (param i32 i32) (result i32))) (table funcref (elem $f0 $f1 $f2)) ${functions.join('\n')})`
}

/** Writes one function after the other. */
class Writer {
  readonly #choose: (below: number) => number
  /** Whether a branch to the block takes a number; the innermost is last. */
  readonly #labels: boolean[] = []

  constructor(choose: (below: number) => number) {
    this.#choose = choose
  }

  statements(depth: number): string {
    return Array.from({ length: this.#choose(depth < DEPTH ? 5 : 2) }, () => this.#statement(depth + 1)).join('\n')
  }

  number(depth: number): string {
    const some = () => this.number(depth + 1)
    const kinds = [
      () => `(i32.const ${this.#choose(50) - 5})`,
      () => ['(local.get $a)', '(local.get $b)', '(local.get $x)', '(global.get $ticks)'][this.#choose(4)]!,
      () => `(i32.add ${some()} ${some()})`,
      () => `(i32.sub ${some()} ${some()})`,
      () => `(i32.eqz ${some()})`,
      () => `(i32.load8_u (i32.and ${some()} (i32.const 255)))`,
      () => `(select ${some()} ${some()} ${some()})`,
      () => this.#within(true, (body) => `(block (result i32) ${body} ${some()})`, depth),
      () => `(i32.div_u ${some()} ${some()})`,
    ]
    return kinds[this.#choose(depth < DEPTH ? kinds.length : 2)]!()
  }

  #statement(depth: number): string {
    const some = () => this.number(depth + 2)
    const kinds = [
      () => `(local.set $x ${some()})`,
      () => `(i32.store8 (i32.and ${some()} (i32.const 255)) ${some()})`,
      () => this.#within(false, (body) => `(loop ${TICK} ${body})`, depth),
      () => this.#within(false, (body) => `(loop ${TICK} ${body} (br_if 0 ${this.number(depth + 2)}))`, depth),
      () => this.#within(false, (body) => `(block ${body})`, depth),
      () => this.#branch((label, value) => `(br ${label} ${value})`, some),
      () =>
        this.#branch(
          (label, value) => (value ? `(drop (br_if ${label} ${value} ${some()}))` : `(br_if ${label} ${some()})`),
          some,
        ),
      () => `(if ${some()} ${this.#within(false, (body) => `(then ${body}) (else ${this.statements(depth)})`, depth)})`,
      () => this.#table(some),
      () => `(return ${some()})`,
      () => `(local.set $x (call $f${this.#choose(FUNCTIONS)} ${some()} ${some()}))`,
      () => `(local.set $x (call_indirect (type $t) ${some()} ${some()} (i32.const ${this.#choose(FUNCTIONS)})))`,
      () => `(memory.fill (i32.and ${some()} (i32.const 255)) ${some()} (i32.and ${some()} (i32.const 63)))`,
      () => `(drop (memory.grow (i32.and ${some()} (i32.const 1))))`,
      () => this.#catching(depth),
      () => '(throw $e)',
      () => '(unreachable)',
    ]
    return kinds[this.#choose(depth < DEPTH ? kinds.length : 2)]!()
  }

  #within(number: boolean, write: (body: string) => string, depth: number): string {
    this.#labels.push(number)
    const text = write(this.statements(depth))
    this.#labels.pop()
    return text
  }

  #catching(depth: number): string {
    this.#labels.push(false, false)
    const text = `(block (try_table (catch_all 0) ${this.statements(depth)}))`
    this.#labels.length -= 2
    return text
  }

  #branch(write: (label: number, value: string) => string, some: () => string): string {
    if (this.#labels.length === 0) return `(local.set $x ${some()})`
    const label = this.#choose(this.#labels.length)
    return write(label, this.#labels.at(-1 - label) ? some() : '')
  }

  /** Between two labels that take the same. */
  #table(some: () => string): string {
    return this.#branch((label, value) => {
      const same = this.#labels.map((takes, i) => [takes, this.#labels.length - 1 - i] as const)
      const others = same.filter(([takes]) => takes === (value !== ''))
      const other = others[this.#choose(others.length)]![1]
      return `(br_table ${label} ${other} ${value} (i32.and ${some()} (i32.const 1)))`
    }, some)
  }
}
