import { GuestFault } from '../abi/guest-fault.ts'
import { compile, importsWasi } from '../abi/linkage.ts'
import type { CoreModule, Program } from '../abi/program.ts'
import { loadWapc } from '../abi/wapc/program.ts'
import type { ActorSettings, Form } from '../messages.ts'
import { prepareModule } from '../wasm/prepare-module.ts'

/** A program, and its module as it is worth keeping, when that is news. */
export interface Loaded {
  readonly program: Program
  /** As of {@link FrameType.prepared}. */
  readonly prepared: Uint8Array | undefined
}

/**
 * Makes a program of what the host sent. What no waPC actor needs is evaluated only when it is wanted.
 * @throws GuestFault `bad-module`, `forbidden-import`
 */
export async function loadProgram(form: Form, source: Uint8Array, settings: ActorSettings): Promise<Loaded> {
  if (form === 'component') {
    const { loadComponent } = await import('../abi/component/program.ts')
    return { program: await loadComponent(source), prepared: undefined }
  }
  if (form === 'prepared') {
    const unresettable = source[0] === 1 ? undefined : 'what was found when it was prepared'
    const module = await compile(source.subarray(1))
    return { program: await loadCore({ module, unresettable }), prepared: undefined }
  }
  const { memoryPages, tableElements } = settings.limits
  const { bytes, unresettable } = prepareModule(source, { maxPages: memoryPages, maxTableElements: tableElements })
  const program = await loadCore({ module: await compile(bytes), unresettable })
  return { program, prepared: Buffer.concat([Uint8Array.of(unresettable === undefined ? 1 : 0), bytes]) }
}

/**
 * Picks the ABI by the entry points (spec/host.md §3.1). A waPC module may have a `_start`, which then comes first; with one, and
 * with imports of WASI alone, nobody can tell which of both was meant.
 */
async function loadCore(core: CoreModule): Promise<Program> {
  const offered = new Set(WebAssembly.Module.exports(core.module).map(({ name }) => name))
  const importsWapc = WebAssembly.Module.imports(core.module).some(({ module }) => module === 'wapc')
  if (!offered.has('__guest_call') && !offered.has('_start'))
    throw new GuestFault(
      'bad-module',
      'Expected an actor that exports __guest_call (waPC) or _start (WASI), found neither',
    )
  if (offered.has('__guest_call') && offered.has('_start') && importsWasi(core.module) && !importsWapc)
    throw new GuestFault(
      'bad-module',
      'Expected an actor of one ABI, found both __guest_call (waPC) and _start (WASI), and imports of WASI only',
    )
  if (offered.has('__guest_call')) return loadWapc(core)
  const { loadWasi } = await import('../abi/wasi/program.ts')
  return loadWasi(core)
}
