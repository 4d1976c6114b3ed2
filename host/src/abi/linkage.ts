import { GuestFault } from './guest-fault.ts'

/** One import of a core module. */
export type Import = ReturnType<typeof WebAssembly.Module.imports>[number]

/** Modules of WASI preview 1, by its name of today and its first one. */
const WASI = ['wasi_snapshot_preview1', 'wasi_unstable']

/** @throws GuestFault `bad-module` */
export async function compile(bytes: Uint8Array): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>)
  } catch (error) {
    throw new GuestFault('bad-module', `Expected a valid core module, found: ${(error as Error).message}`)
  }
}

/** Whether a core module imports WASI functions of preview 1. */
export function importsWasi(module: WebAssembly.Module): boolean {
  return WebAssembly.Module.imports(module).some((wanted) => WASI.includes(wanted.module))
}

/**
 * Denies by default: only what is offered is linked.
 * @param what what is offered, for the refusal
 * @throws GuestFault `forbidden-import` naming the first import that is not offered; `bad-module` without a memory and the entry point
 */
export function checkLinkage(
  module: WebAssembly.Module,
  entry: string,
  what: string,
  isOffered: (wanted: Import) => boolean,
): void {
  const strange = WebAssembly.Module.imports(module).find((wanted) => !isOffered(wanted))
  if (strange !== undefined)
    throw new GuestFault(
      'forbidden-import',
      `Expected imports of ${what} only, found the ${strange.kind} ${printable(strange.module)}.${printable(strange.name)}`,
    )
  const offered = new Map(WebAssembly.Module.exports(module).map((item) => [item.name, item.kind]))
  for (const [name, kind] of [['memory', 'memory'] as const, [entry, 'function'] as const])
    if (offered.get(name) !== kind)
      throw new GuestFault('bad-module', `Expected a ${kind} exported as ${name}, found ${offered.get(name) ?? 'none'}`)
}

/** Whether a module may have to wait: for a capability, or for a clock of WASI. */
export function suspends(module: WebAssembly.Module): boolean {
  return WebAssembly.Module.imports(module).some(({ name }) => name === '__host_call' || name === 'poll_oneoff')
}

function printable(name: string): string {
  return name.slice(0, 64).replace(/[^\x21-\x7e]/g, '?')
}
