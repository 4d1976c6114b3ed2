/// <reference path="../../../host/src/webassembly.d.ts" />
import { findMismatch } from './call-by-bits.ts'
import { matchesReference, readPattern } from './expected.ts'
import type { Action, Command, Script } from './load-script.ts'
import type { ModuleSource } from './module-source.ts'
import { headOf, isList, type List, type Node, textOf } from './read-script.ts'
import { spectest } from './spectest.ts'

/** What an instance exports; more kinds than a host needs to know. */
type Exports = Record<string, unknown>
type Run = (...parameters: unknown[]) => unknown

/** What is thrown where an assertion says that something is. */
const THROWN: Record<string, new (...parameters: never[]) => unknown> = {
  assert_trap: WebAssembly.RuntimeError,
  assert_exception: WebAssembly.Exception,
  assert_exhaustion: RangeError,
  assert_unlinkable: WebAssembly.LinkError,
}

/** An assertion that does not hold. */
export class AssertionFailure extends Error {}

/** One of a module's instances at work, in one go over a script. */
export class ScriptRun {
  /** What each trap said, in order. */
  readonly traps: string[] = []
  readonly #script: Script
  readonly #compile: (bytes: Uint8Array<ArrayBuffer>) => WebAssembly.Module
  readonly #started: (exports: Exports) => void
  readonly #registered: Record<string, Exports> = { spectest: spectest() }
  readonly #instances = new Map<string, Exports>()
  readonly #definitions = new Map<string, WebAssembly.Module>()
  readonly #callers = new Map<number, Exports | undefined>()
  readonly #externs = new Map<number, object>()
  readonly #constants: Exports
  #current: Exports | undefined
  #definition: WebAssembly.Module | undefined

  /**
   * @param compile makes a module of its bytes; throws when it refuses them
   * @param started is given what each new instance exports
   */
  constructor(
    script: Script,
    compile: (bytes: Uint8Array<ArrayBuffer>) => WebAssembly.Module,
    started: (exports: Exports) => void,
  ) {
    this.#script = script
    this.#compile = compile
    this.#started = started
    this.#constants = instantiate(new WebAssembly.Module(script.constants as Uint8Array<ArrayBuffer>), {})
  }

  /** Runs all commands. @throws AssertionFailure at the first that does not hold; or what a module is refused with */
  run(): void {
    for (const command of this.#script.commands) {
      try {
        this.#do(command)
      } catch (error) {
        if (error instanceof Error) error.message = `line ${command.line}: ${error.message}`
        throw error
      }
    }
  }

  #do({ head, list, module, action, results }: Command): void {
    switch (head) {
      case 'module':
        this.#module(module!)
        return
      case 'register':
        this.#registered[textOf(list.items[1])] = this.#instance(list.items[2] as string | undefined)
        return
      case 'invoke':
      case 'get':
        this.#act(action!)
        return
      case 'assert_return':
        this.#assertReturn(action!, results)
        return
      case 'assert_invalid':
      case 'assert_malformed':
        this.#assertRefused(module!)
        return
      default:
        if (!THROWN[head]) throw new Error(`Expected a command that is known, found ${head}`)
        this.#assertThrows(list, module, action, THROWN[head])
    }
  }

  #module(source: ModuleSource): void {
    if (source.malformed !== undefined) throw new AssertionFailure(`expected a module, found ${source.malformed}`)
    if (source.definition) {
      this.#definition = this.#compile(source.bytes!)
      if (source.name !== undefined) this.#definitions.set(source.name, this.#definition)
      return
    }
    const module = source.bytes === undefined ? this.#define(source.instanceOf) : this.#compile(source.bytes)
    this.#current = this.#start(module)
    if (source.name !== undefined) this.#instances.set(source.name, this.#current)
  }

  #define(name: string | undefined): WebAssembly.Module {
    const module = name === undefined ? this.#definition : this.#definitions.get(name)
    if (module === undefined) throw new Error(`Expected a definition ${name}, found none`)
    return module
  }

  #start(module: WebAssembly.Module): Exports {
    const exports = instantiate(module, this.#registered)
    this.#started(exports)
    return exports
  }

  #instance(name: string | undefined): Exports {
    const instance = name === undefined ? this.#current : this.#instances.get(name)
    if (instance === undefined) throw new Error(`Expected an instance ${name ?? ''}, found none`)
    return instance
  }

  /** @returns the results; nothing when they are right by their bits */
  #act(action: Action): unknown[] | undefined {
    const instance = this.#instance(action.instance)
    const caller = action.bits && this.#caller(action)
    if (caller !== undefined) {
      ;(caller[action.bits!.index] as Run)()
      const mismatch = findMismatch(action.bits!.call.results, (caller['memory'] as WebAssembly.Memory).buffer)
      if (mismatch !== undefined) throw new AssertionFailure(`${action.name}: ${mismatch}`)
      return undefined
    }
    if (action.kind === 'get') return [(instance[action.name] as { value: unknown }).value]
    const run = instance[action.name] as Run | undefined
    if (run === undefined) throw new Error(`Expected an export ${action.name}, found none`)
    const found = run(...action.arguments.map((node) => this.#value(node)))
    return Array.isArray(found) ? found : found === undefined ? [] : [found]
  }

  #assertReturn(action: Action, results: readonly Node[]): void {
    const found = this.#act(action)
    if (found === undefined) return
    if (found.length !== results.length || !results.every((expected, i) => this.#is(expected, found[i])))
      throw new AssertionFailure(`${action.name}: expected other results, found ${found.map(String)}`)
  }

  #is(expected: Node, found: unknown): boolean {
    if (readPattern(expected) !== undefined) return Object.is(this.#value(expected), found)
    return isList(expected) && matchesReference(expected, found, (index) => this.#extern(index))
  }

  /** @returns nothing for a function of a type that no module of ours can name */
  #caller(action: Action): Exports | undefined {
    const { caller } = action.bits!
    if (!this.#callers.has(caller)) {
      const module = new WebAssembly.Module(this.#script.callers[caller] as Uint8Array<ArrayBuffer>)
      try {
        this.#callers.set(caller, instantiate(module, { callee: this.#instance(action.instance) }))
      } catch (error) {
        if (!(error instanceof WebAssembly.LinkError)) throw error
        this.#callers.set(caller, undefined)
      }
    }
    return this.#callers.get(caller)
  }

  #value(node: Node): unknown {
    const pattern = readPattern(node)
    if (pattern !== undefined) return (this.#constants[pattern.text] as { value: unknown }).value
    const list = node as List
    if (headOf(list) === 'ref.null') return null
    return this.#extern(Number(list.items[1]))
  }

  #extern(index: number): object {
    const extern = this.#externs.get(index) ?? { extern: index }
    this.#externs.set(index, extern)
    return extern
  }

  #assertThrows(
    list: List,
    module: ModuleSource | undefined,
    action: Action | undefined,
    kind: new (...parameters: never[]) => unknown,
  ): void {
    const compiled = module && this.#compile(module.bytes!)
    try {
      if (compiled !== undefined) this.#start(compiled)
      else this.#act(action!)
    } catch (error) {
      if (!(error instanceof kind)) throw error
      if (error instanceof WebAssembly.RuntimeError) this.traps.push(error.message)
      return
    }
    throw new AssertionFailure(`expected ${headOf(list)}, found none`)
  }

  #assertRefused(source: ModuleSource): void {
    if (source.malformed !== undefined) return
    try {
      this.#compile(source.bytes!)
    } catch {
      return
    }
    throw new AssertionFailure('expected a module to be refused, found none')
  }
}

function instantiate(module: WebAssembly.Module, imports: Record<string, Exports>): Exports {
  return new WebAssembly.Instance(module, imports as never).exports
}
