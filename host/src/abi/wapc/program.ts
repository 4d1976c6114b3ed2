import type { CoreModule, Program, Surroundings } from '../program.ts'
import { WapcGuest } from './guest.ts'
import { checkLinkage, importsWasi } from './link.ts'

/**
 * A waPC actor (spec/host.md §3), which may import WASI functions besides.
 * @throws GuestFault `forbidden-import`, `bad-module`
 */
export async function loadWapc({ module, unresettable }: CoreModule): Promise<Program> {
  // Few actors need it, and so few sandboxes should load it.
  const wasi = importsWasi(module) ? await import('../wasi/imports.ts') : undefined
  const { suspends } = checkLinkage(module, wasi?.isWasiImport ?? (() => false))
  const how = { suspends, resettable: unresettable === undefined, createWasi: wasi?.createWasiImports }
  return {
    abi: 'wapc',
    reset: how.resettable ? 'snapshot' : 'fresh',
    instantiate: (surroundings: Surroundings) => new WapcGuest(module, how, surroundings),
  }
}
