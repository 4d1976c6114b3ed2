import { registerHooks } from 'node:module'
import { GuestFault } from '../guest-fault.ts'

/** What a component exports: functions at the top, and interfaces as objects of functions. */
export type Exports = Readonly<Record<string, unknown>>

/** What a core module is linked with. */
export type CoreImports = Record<string, Record<string, WebAssembly.ImportValue>>

/**
 * Makes an instance: `getModule` gives the compiled core modules, `instantiateCore` makes instances of them. It waits for neither
 * when they come at once. What it returns is not to be awaited: a component may export a function `then`.
 */
export type Instantiate = (
  getModule: (name: string) => WebAssembly.Module,
  imports: Readonly<Record<string, unknown>>,
  instantiateCore: (module: WebAssembly.Module, imports: CoreImports) => WebAssembly.Instance,
) => Exports

/**
 * Hides what generated code has no use for. That is no boundary, which is the process; and it asks `process.env` at every turn
 * whether to say what it does, which costs more than the rest.
 */
const PROLOGUE = Buffer.from('const globalThis = { WebAssembly }, process = undefined, fetch = undefined;\n')
const SCHEME = 'component:'

/** Scripts on their way to the module loader. As `data:` URLs they would take five times as long. */
const scripts = new Map<string, Buffer>()
let evaluated = 0

registerHooks({
  resolve(specifier, context, next) {
    if (context.parentURL?.startsWith(SCHEME)) throw new Error(`Expected no imports, found one of ${specifier}`)
    return scripts.has(specifier) ? { url: specifier, shortCircuit: true } : next(specifier, context)
  },
  load(url, context, next) {
    const source = scripts.get(url)
    return source === undefined ? next(url, context) : { format: 'module', source, shortCircuit: true }
  },
})

/**
 * Evaluates what jco made of a component. Only ever called in a sandbox (spec/host.md §2.5).
 * @throws GuestFault `bad-module` when it is no such module, or imports anything
 */
export async function evaluate(script: Uint8Array): Promise<Instantiate> {
  const url = `${SCHEME}${evaluated++}`
  scripts.set(url, Buffer.concat([PROLOGUE, script]))
  try {
    const { instantiate } = (await import(url)) as { instantiate?: Instantiate }
    if (typeof instantiate === 'function') return instantiate
  } catch (cause) {
    throw new GuestFault('bad-module', `Expected a transpiled component, found: ${(cause as Error).message}`)
  } finally {
    scripts.delete(url)
  }
  throw new GuestFault('bad-module', 'Expected a transpiled component, found one that exports no instantiate')
}
