import { type BitsCall, buildCaller, buildConstants, escaped } from './call-by-bits.ts'
import { type Constant, type Pattern, readPattern } from './expected.ts'
import { isCommand, type ModuleSource, readModule } from './module-source.ts'
import { headOf, isList, type List, type Node, readScript, textOf } from './read-script.ts'
import { unfoldTry } from './unfold-try.ts'

/** A call or a look at a global, of the last instance or of a named one. */
export interface Action {
  readonly kind: 'invoke' | 'get'
  readonly instance: string | undefined
  readonly name: string
  readonly arguments: readonly Node[]
  /** Where it is done by bits: which caller module, which function of it. */
  bits?: { readonly caller: number; readonly index: number; readonly call: BitsCall }
}

/** One command of a script. */
export interface Command {
  readonly line: number
  readonly head: string
  readonly list: List
  readonly module?: ModuleSource
  readonly action?: Action
  readonly results: readonly Node[]
}

/** A script, all of its text turned into modules. */
export interface Script {
  readonly commands: readonly Command[]
  /** Modules that make calls by bits; one for each instance that is called so. */
  readonly callers: readonly Uint8Array[]
  readonly constants: Uint8Array
}

/** Reads a script of the core test suite. @throws Error where it is malformed */
export async function loadScript(source: string): Promise<Script> {
  const text = unfoldTry(source.replaceAll(/[^\0-\x7f]+/g, escaped))
  const lists = readScript(text)
  const commands: Command[] = []
  if (lists.some((list) => !isCommand(list))) {
    const whole: List = { items: [], starts: [], start: 0, end: 0 }
    const module = await readModule(...asModule(text))
    return {
      commands: [{ line: 1, head: 'module', list: whole, module, results: [] }],
      callers: [],
      constants: await buildConstants([]),
    }
  }
  for (const list of lists) commands.push(await readCommand(list, text))
  const callers = await planCalls(commands)
  const constants = new Map<string, Constant>()
  for (const { action, results } of commands)
    for (const node of [...(action?.arguments ?? []), ...results]) {
      const constant = readPattern(node)
      if (constant !== undefined && constant.type !== 'v128') constants.set(constant.text, constant)
    }
  return { commands, callers, constants: await buildConstants(constants.values()) }
}

function asModule(text: string): [List, string] {
  const whole = `(module ${text})`
  return [readScript(whole)[0]!, whole]
}

async function readCommand(list: List, text: string): Promise<Command> {
  const head = headOf(list)
  const line = text.slice(0, list.start).split('\n').length
  const inner = list.items[1]
  const own = head === 'invoke' || head === 'get' ? list : undefined
  const asserted = isList(inner) && head.startsWith('assert_') ? inner : undefined
  const moduleList = head === 'module' ? list : asserted && headOf(asserted) === 'module' ? asserted : undefined
  const actionList = own ?? (moduleList === undefined ? asserted : undefined)
  return {
    line,
    head,
    list,
    ...(moduleList && { module: await readModule(moduleList, text) }),
    ...(actionList && { action: readAction(actionList) }),
    results: head === 'assert_return' ? list.items.slice(2) : [],
  }
}

function readAction(list: List): Action {
  const named = typeof list.items[1] === 'string'
  const at = named ? 2 : 1
  return {
    kind: headOf(list) as Action['kind'],
    instance: named ? (list.items[1] as string) : undefined,
    name: textOf(list.items[at]),
    arguments: list.items.slice(at + 1),
  }
}

/** Calls with numbers alone are made by modules of our own, one for each instance that is called. */
async function planCalls(commands: readonly Command[]): Promise<Uint8Array[]> {
  const groups = new Map<string, BitsCall[]>()
  const numbers = new Map<string, number>()
  const named = new Map<string, number>()
  const resultsOf = new Map<string, Pattern[]>()
  let current = -1
  for (const [i, { head, module, action, results }] of commands.entries()) {
    if (head === 'module' && !module?.definition) {
      current = i
      if (module?.name !== undefined) named.set(module.name, i)
    }
    if (action?.kind !== 'invoke') continue
    const known = head === 'assert_return' ? results.map(readPattern) : resultsOf.get(action.name)
    const parameters = action.arguments.map(readPattern)
    // What a call that traps would give is known from other calls, or else taken for a vector, in a module of its own.
    const patterns = known ?? [VECTOR]
    if (!areAll(parameters) || !areAll(patterns)) continue
    if (known !== undefined) resultsOf.set(action.name, patterns)
    const owner = action.instance === undefined ? current : (named.get(action.instance) ?? -1)
    const group = known === undefined ? `${owner} ${i}` : `${owner}`
    const calls = groups.get(group) ?? []
    groups.set(group, calls)
    if (!numbers.has(group)) numbers.set(group, numbers.size)
    const call = { name: action.name, arguments: parameters, results: patterns }
    action.bits = { caller: numbers.get(group)!, index: calls.length, call }
    calls.push(call)
  }
  return Promise.all([...groups.values()].map(buildCaller))
}

const VECTOR: Pattern = { type: 'v128', text: '(v128.const i64x2 0 0)', lanes: [] }
const areAll = (patterns: readonly (Pattern | undefined)[]): patterns is Pattern[] => !patterns.includes(undefined)
