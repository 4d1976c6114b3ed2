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

/** One import of a module. */
export type Import = ReturnType<typeof WebAssembly.Module.imports>[number]

/** What a module asks for and offers, once that is known to be allowed. */
export interface Linkage {
  /** It may have to wait: for a capability, or for a clock of WASI. */
  readonly suspends: boolean
}

/** Modules of WASI preview 1, by its name of today and its first one. */
const WASI = new Set(['wasi_snapshot_preview1', 'wasi_unstable'])

/** Whether a module imports WASI functions of preview 1. */
export function importsWasi(module: WebAssembly.Module): boolean {
  return WebAssembly.Module.imports(module).some((wanted) => WASI.has(wanted.module))
}

/**
 * Denies by default: only functions of `wapc` and of WASI, and AssemblyScript's `env.abort`, are linked.
 * @param isWasiImport whether WASI serves it
 * @throws GuestFault `forbidden-import` naming the first other import; `bad-module` when the waPC exports are missing.
 */
export function checkLinkage(module: WebAssembly.Module, isWasiImport: (wanted: Import) => boolean): Linkage {
  let suspends = false
  for (const wanted of WebAssembly.Module.imports(module)) {
    if (!isWapcImport(wanted) && !isWasiImport(wanted))
      throw new GuestFault(
        'forbidden-import',
        `Expected imports of wapc and WASI preview 1 only, found the ${wanted.kind} ${printable(wanted.module)}.${printable(wanted.name)}`,
      )
    if (wanted.name === '__host_call' || wanted.name === 'poll_oneoff') suspends = true
  }
  const offered = new Map(WebAssembly.Module.exports(module).map((item) => [item.name, item.kind]))
  for (const [name, kind] of [['memory', 'memory'] as const, ['__guest_call', 'function'] as const])
    if (offered.get(name) !== kind)
      throw new GuestFault('bad-module', `Expected a ${kind} exported as ${name}, found ${offered.get(name) ?? 'none'}`)
  return { suspends }
}

function isWapcImport({ module, name, kind }: Import): boolean {
  return kind === 'function' && (module === 'wapc' ? WAPC.has(name) : module === 'env' && name === 'abort')
}

function printable(name: string): string {
  return name.slice(0, 64).replace(/[^\x21-\x7e]/g, '?')
}
