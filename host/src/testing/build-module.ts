import { parseWat, quoted } from './parse-wat.ts'

const PREVIEW_1 = 'wasi_snapshot_preview1'
/** What modules of the tests may import, with the types. */
const IMPORTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  wapc: {
    __guest_request: '(param i32 i32)',
    __guest_response: '(param i32 i32)',
    __guest_error: '(param i32 i32)',
    __console_log: '(param i32 i32)',
    __host_call: '(param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)',
    __host_response: '(param i32)',
    __host_response_len: '(result i32)',
    __host_error: '(param i32)',
    __host_error_len: '(result i32)',
  },
  [PREVIEW_1]: {
    args_get: '(param i32 i32) (result i32)',
    clock_time_get: '(param i32 i64 i32) (result i32)',
    fd_read: '(param i32 i32 i32 i32) (result i32)',
    fd_write: '(param i32 i32 i32 i32) (result i32)',
    poll_oneoff: '(param i32 i32 i32 i32) (result i32)',
    proc_exit: '(param i32)',
    random_get: '(param i32 i32) (result i32)',
  },
}

/** How a module differs from most. */
export interface ModuleParts {
  /** Imports beside those that are called by name. */
  readonly imports?: string
  /** Further fields of the module. */
  readonly fields?: string
  /** Initial pages of its memory, and the most, in text. */
  readonly memory?: string
  /** The module of which WASI functions are imported. */
  readonly wasi?: string
}

/** A module with a memory and these fields. What they call by the name of an import is imported. */
export function moduleOf(fields: string, { imports = '', memory = '1', wasi = PREVIEW_1 }: ModuleParts = {}) {
  const called = Object.entries(IMPORTS).flatMap(([module, functions]) =>
    Object.entries(functions)
      .filter(([name]) => new RegExp(`\\$${name}\\b`).test(fields))
      .map(([name, type]) => `(import "${module === 'wapc' ? module : wasi}" "${name}" (func $${name} ${type}))`),
  )
  return parseWat(`(module ${imports} ${called.join(' ')} (memory (export "memory") ${memory}) ${fields})`)
}

/** A waPC actor: what it does in a call, with the lengths `$operation` and `$payload`. */
export const actor = (body: string, { fields = '', ...more }: ModuleParts = {}) =>
  moduleOf(
    `(func $call (export "__guest_call") (param $operation i32) (param $payload i32) (result i32) ${body}) ${fields}`,
    more,
  )

/** `i32.const` of each. */
export const numbers = (...values: number[]): string => values.map((value) => `(i32.const ${value})`).join(' ')
export const data = (at: number, text: string): string => `(data ${numbers(at)} ${quoted(text)})`
export const importOf = (module: string, name: string): string =>
  `(import ${quoted(module)} ${quoted(name)} (func (param i32 i32)))`

const SUCCESS = numbers(1)
const FOREVER = '(loop (br 0))'
const REQUEST = `(call $__guest_request ${numbers(64, 4096)})`
const respond = (at: number, length: number | string) =>
  `(call $__guest_response ${numbers(at)} ${typeof length === 'number' ? numbers(length) : length})`
/** Takes a step of memory after another until there is none, then traps. */
export const TAKE_MEMORY =
  '(loop (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (unreachable))) (br 0))'
const COUNT = '(global $count (mut i32) (i32.const 0))'
/** Calls itself for ever. */
const RECURSION = '(call $call (local.get $operation) (local.get $payload))'
/** Writes a table, which no snapshot puts back. */
export const TABLE_SET = '(table.set (i32.const 0) (ref.null func))'

/** Answers with its payload, as long as that fits. */
export const echoOf = (pages: number) =>
  actor(`${REQUEST} ${respond(4096, '(local.get $payload)')} ${SUCCESS}`, { memory: `${pages}` })
export const echo = await echoOf(1)

/** Answers nothing. */
export const silent = await actor(SUCCESS)

/** Never returns. */
export const spin = await actor(`${FOREVER} ${SUCCESS}`)

/** Never returns when its payload is not empty; else answers nothing. */
export const spinIfAsked = await actor(`(if (local.get $payload) (then ${FOREVER})) ${SUCCESS}`)

export const grow = await actor(`${TAKE_MEMORY} ${SUCCESS}`)
export const trap = await actor('(unreachable)')
export const overflow = await actor(RECURSION)

/** The same for an actor that may wait. */
export const overflowWaiting = await actor(RECURSION, {
  fields: `(func (drop (call $__host_call ${numbers(0, 0, 0, 0, 0, 0, 0, 0)})))`,
})

/** Reports failure without a reason. */
export const failing = await actor(numbers(0))

/** Fails with this text. */
export const failingWith = (said: string) =>
  actor(`(call $__guest_error ${numbers(16, said.length)}) ${numbers(0)}`, { fields: data(16, said) })

/** Answers `fine` to an empty payload, and traps on any other. */
export const trapsIfAsked = await actor(`(if (local.get $payload) (then (unreachable))) ${respond(16, 4)} ${SUCCESS}`, {
  fields: data(16, 'fine'),
})

/** Does this in its `wapc_init`. */
export const starting = (body: string) => actor(SUCCESS, { fields: `(func (export "wapc_init") ${body})` })
export const startSpins = await starting(FOREVER)

const countUp = (at: number) => `(i32.store ${numbers(at)} (i32.add (i32.load ${numbers(at)}) ${numbers(1)}))`

/**
 * Counts up wherever an instance keeps state, and answers with what it finds: a number that the module sets to 5 in memory,
 * one that nobody sets, one in a global that is not exported, and how many pages there were.
 */
export const counting = (extra = '', fields = '') =>
  actor(
    `(global.set $count (i32.add (global.get $count) ${numbers(1)})) ${countUp(0)} ${countUp(4)}
    (i32.store ${numbers(8)} (global.get $count)) (i32.store ${numbers(12)} (memory.size))
    ${extra} ${respond(0, 16)} ${SUCCESS}`,
    { fields: `${COUNT} ${data(0, '\u0005')} ${fields}` },
  )

/** Answers only when its payload is not empty, and then with `secret`. */
export const answersSometimes = await actor(`(if (local.get $payload) (then ${respond(16, 6)})) ${SUCCESS}`, {
  fields: data(16, 'secret'),
})

/** Answers with a range of its memory that it does not check. */
export const answersWith = (at: number, length: number) => actor(`${respond(at, length)} ${SUCCESS}`)

/** Has its request written to where it asks. */
export const requestsAt = (at: number) => actor(`(call $__guest_request ${numbers(at, at)}) ${SUCCESS}`)

/** Passes its operation and payload on to a capability, binding `default`, and answers with what comes back. */
export const forwarding = (
  capability: string,
  operation = '(local.get $operation)',
  payload = '(local.get $payload)',
) =>
  actor(
    `${REQUEST}
    (if (call $__host_call ${numbers(16, 7, 32, capability.length, 64)} ${operation} ${numbers(4096)} ${payload})
      (then
        (call $__host_response ${numbers(4096)}) ${respond(4096, '(call $__host_response_len)')} (return ${SUCCESS})))
    (call $__host_error ${numbers(4096)}) (call $__guest_error ${numbers(4096)} (call $__host_error_len)) ${numbers(0)}`,
    { memory: '4', fields: `${data(16, 'default')} ${data(32, capability)}` },
  )

/** Writes its payload to the console, `times` over. */
export const logging = (times: number) => {
  const log = `(call $__console_log ${numbers(4096)} (local.get $payload))`
  return actor(`${REQUEST} ${log.repeat(times)} ${SUCCESS}`)
}

/** Answers with 8 random bytes of its start, 16 of the call, and both clocks. */
export const wapcWorld = await actor(
  `(drop (call $random_get ${numbers(24, 16)}))
  (drop (call $clock_time_get ${numbers(0)} (i64.const 0) ${numbers(40)}))
  (drop (call $clock_time_get ${numbers(1)} (i64.const 0) ${numbers(48)})) ${respond(16, 40)} ${SUCCESS}`,
  { fields: `(func (export "wapc_init") (drop (call $random_get ${numbers(16, 8)})))` },
)

/** Keeps a core at work for `turns` turns of a loop (some nanoseconds each), and answers nothing. */
export const busy = (turns: number) =>
  actor(
    `(local.set $operation ${numbers(turns)})
    (loop (br_if 0 (local.tee $operation (i32.sub (local.get $operation) ${numbers(1)})))) ${SUCCESS}`,
  )

/** Answers with its version, in two digits. */
export const versionOf = (version: number) =>
  actor(`${respond(16, 2)} ${SUCCESS}`, { fields: data(16, `${version}`.padStart(2, '0')) })
