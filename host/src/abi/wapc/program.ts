import { checkLinkage, type Import, importsWasi, suspends } from '../linkage.ts'
import type { CoreModule, Program, Surroundings } from '../program.ts'
import { WapcGuest } from './guest.ts'

/** The waPC imports (spec/host.md §3); each takes and returns i32. */
const WAPC = new Set([
  ...['__guest_request', '__guest_response', '__guest_error', '__console_log'],
  ...['__host_call', '__host_response', '__host_response_len', '__host_error', '__host_error_len'],
])

/**
 * A waPC actor (spec/host.md §3), which may import WASI functions and AssemblyScript's `env.abort` besides.
 * @throws GuestFault `forbidden-import`, `bad-module`
 */
export async function loadWapc({ module, unresettable }: CoreModule): Promise<Program> {
  // Few actors need it, and so few sandboxes should load it.
  const wasi = importsWasi(module) ? await import('../wasi/imports.ts') : undefined
  const isOffered = (wanted: Import) => isWapcImport(wanted) || wasi?.isWasiImport(wanted) === true
  checkLinkage(module, '__guest_call', 'wapc and WASI preview 1', isOffered)
  const resettable = unresettable === undefined
  const how = { suspends: suspends(module), resettable, createWasi: wasi?.createWasiImports }
  return {
    abi: 'wapc',
    reset: resettable ? 'snapshot' : 'fresh',
    instantiate: (surroundings: Surroundings) => new WapcGuest(module, how, surroundings),
  }
}

function isWapcImport({ module, name, kind }: Import): boolean {
  return kind === 'function' && (module === 'wapc' ? WAPC.has(name) : module === 'env' && name === 'abort')
}
