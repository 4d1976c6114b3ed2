import { GuestFault } from '../guest-fault.ts'

/** The waPC imports (spec/host.md §3); each takes and returns i32. */
const WAPC = new Set([
  '__guest_request',
  '__guest_response',
  '__guest_error',
  '__host_call',
  '__host_response',
  '__host_response_len',
  '__host_error',
  '__host_error_len',
  '__console_log',
])

/** What a module asks for and offers, once that is known to be allowed. */
export interface Linkage {
  /** It imports `__host_call`, so that its calls may have to wait. */
  readonly suspends: boolean
}

/**
 * Denies by default: only functions of `wapc`, and AssemblyScript's `env.abort`, are linked.
 * @throws GuestFault `forbidden-import` naming the first other import; `bad-module` when the waPC exports are missing.
 */
export function checkLinkage(module: WebAssembly.Module): Linkage {
  let suspends = false
  for (const wanted of WebAssembly.Module.imports(module)) {
    const allowed =
      wanted.kind === 'function' &&
      (wanted.module === 'wapc' ? WAPC.has(wanted.name) : wanted.module === 'env' && wanted.name === 'abort')
    if (!allowed)
      throw new GuestFault(
        'forbidden-import',
        `Expected imports of wapc only, found the ${wanted.kind} ${printable(wanted.module)}.${printable(wanted.name)}`,
      )
    if (wanted.name === '__host_call') suspends = true
  }
  const offered = new Map(WebAssembly.Module.exports(module).map((item) => [item.name, item.kind]))
  for (const [name, kind] of [['memory', 'memory'] as const, ['__guest_call', 'function'] as const])
    if (offered.get(name) !== kind)
      throw new GuestFault('bad-module', `Expected a ${kind} exported as ${name}, found ${offered.get(name) ?? 'none'}`)
  return { suspends }
}

function printable(name: string): string {
  return name.slice(0, 64).replace(/[^\x21-\x7e]/g, '?')
}
