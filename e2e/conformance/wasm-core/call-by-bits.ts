import { parse } from '@bytecodealliance/jco-transpile/wasm-tools'
import { type Constant, matches, type Pattern } from './expected.ts'

/** A call with numbers alone, as bits: JavaScript can neither hold vectors nor keep NaNs apart. */
export interface BitsCall {
  /** Name of the exported function. */
  readonly name: string
  readonly arguments: readonly Constant[]
  readonly results: readonly Pattern[]
}

const SLOT = 16
const EXPECTED = 1 << 12

/** A module with one exported function, `0`, `1` …, for each call: it leaves the results in memory, and what is expected of them further on. */
export function buildCaller(calls: readonly BitsCall[]): Promise<Uint8Array> {
  const imports = calls.map(
    ({ name, arguments: parameters, results }, i) =>
      `(import "callee" "${escaped(name)}" (func $${i} ${types('param', parameters)} ${types('result', results)}))`,
  )
  const functions = calls.map(({ arguments: parameters, results }, i) => {
    const locals = results.map(({ type }, k) => `(local $r${k} ${type})`)
    const take = results.map((_, k) => `(local.set $r${k})`).reverse()
    const store = results.flatMap(({ type, text }, k) => [
      `(${type}.store offset=${k * SLOT} (i32.const 0) (local.get $r${k}))`,
      `(${type}.store offset=${EXPECTED + k * SLOT} (i32.const 0) ${text})`,
    ])
    const pushed = parameters.map(({ text }) => text)
    return `(func (export "${i}") ${locals.join(' ')} ${pushed.join(' ')} (call $${i}) ${[...take, ...store].join(' ')})`
  })
  return parse(`(module ${imports.join('\n')} (memory (export "memory") 1) ${functions.join('\n')})`)
}

/** The bytes of a text as a string of the text format can hold them. */
export const escaped = (name: string) => Buffer.from(name).toString('hex').replace(/../g, '\\$&')

const types = (kind: string, values: readonly Constant[]) => `(${kind} ${values.map(({ type }) => type).join(' ')})`

/** What of the results of the last call is not as expected, or `undefined`. */
export function findMismatch(results: readonly Pattern[], buffer: ArrayBuffer): string | undefined {
  const memory = new Uint8Array(buffer)
  for (const [k, pattern] of results.entries()) {
    const found = memory.subarray(k * SLOT, (k + 1) * SLOT)
    if (!matches(pattern, found, memory.subarray(EXPECTED + k * SLOT, EXPECTED + (k + 1) * SLOT)))
      return `expected ${pattern.text}, found bytes ${Buffer.from(found).toString('hex')}`
  }
  return undefined
}

/** A module that exports each constant as a global, under its own text: what JavaScript can hold of it. */
export function buildConstants(constants: Iterable<Constant>): Promise<Uint8Array> {
  const globals = [...constants].map(({ type, text }) => `(global (export "${text}") ${type} ${text})`)
  return parse(`(module ${globals.join('\n')})`)
}
