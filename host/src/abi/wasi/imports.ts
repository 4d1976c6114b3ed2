import { BYTE_FUEL, HOST_CALL_FUEL } from '../../wasm/fuel-gauge.ts'
import { Exit } from '../exit.ts'
import { GuestFault } from '../guest-fault.ts'
import type { Surroundings } from '../program.ts'
import type { WasiContext, WasiOptions } from './context.ts'
import { Descriptors } from './descriptors.ts'
import { Errno, Refused, refuse } from './errno.ts'
import { fdCalls } from './fd-calls.ts'
import { GuestMemory } from './guest-memory.ts'
import { type Layout, PREVIEW_0, PREVIEW_1 } from './layout.ts'
import { pathCalls } from './path-calls.ts'
import { pollOneoff } from './poll.ts'
import { processCalls } from './process-calls.ts'
import { ScratchTree } from './scratch-tree.ts'

/** The grant without which an instance has no files. */
export const FILESYSTEM_GRANT = 'wasi:filesystem'

/** WASI as one instance sees it. */
export interface Wasi {
  /** By module: `wasi_snapshot_preview1` and `wasi_unstable`. */
  readonly imports: Record<string, Record<string, WebAssembly.ImportValue>>
  /** The scratch directory, when `wasi:filesystem` is granted. */
  readonly tree: ScratchTree | undefined
  /** What ended the guest. A guest can catch it, and fails all the same: whoever ran it asks here before it takes a result. */
  readonly ended: Exit | GuestFault | undefined
  /** For the next call: not ended, an empty scratch directory, no descriptors but those of the start, stdin unread. */
  reset(): void
}

type Call = (...args: never[]) => void | Promise<void>

const LAYOUTS: Record<string, Layout> = { wasi_snapshot_preview1: PREVIEW_1, wasi_unstable: PREVIEW_0 }

type SuspendingCall = ConstructorParameters<typeof WebAssembly.Suspending>[0]

/** Whether an import is one that {@link createWasiImports} serves. Anything else a module wants of WASI is denied. */
export function isWasiImport(wanted: { module: string; name: string; kind: WebAssembly.ItemKind }): boolean {
  return wanted.kind === 'function' && Object.hasOwn(LAYOUTS, wanted.module) && FUNCTIONS.has(wanted.name)
}

/** Makes the functions that one instance imports (spec/host.md §3.6). */
export function createWasiImports(options: WasiOptions): Wasi {
  const { surroundings, gauge } = options
  let ended: Exit | GuestFault | undefined
  const charge = (bytes: number) => gauge.charge(bytes * BYTE_FUEL)
  const context: WasiContext = {
    surroundings,
    memory: new GuestMemory(options.memory, charge),
    ...openFiles(surroundings, charge),
    ...{ args: options.args, stdin: options.stdin, stdout: options.stdout, stderr: options.stderr, charge },
  }
  /** What a guest could catch is kept, so that it ends nonetheless. */
  const answer = (error: unknown): Errno => {
    if (error instanceof Refused) return error.errno
    if (error instanceof Exit || error instanceof GuestFault) ended ??= error
    // i64 where i32 was meant, or the other way round: JavaScript says so in words of its own.
    if (error instanceof TypeError)
      ended ??= new GuestFault('trap', 'Expected WASI calls of the right types, found others')
    throw ended ?? error
  }
  const guard =
    (run: Call) =>
    (...args: never[]) => {
      if (ended !== undefined) throw ended
      try {
        gauge.charge(HOST_CALL_FUEL)
        const waiting = run(...args)
        return waiting === undefined ? Errno.success : waiting.then(() => Errno.success, answer)
      } catch (error) {
        return answer(error)
      }
    }
  const link = (layout: Layout) => {
    const calls = callsOf(context, layout, options.suspends)
    const linked: Record<string, WebAssembly.ImportValue> = {}
    for (const [name, run] of Object.entries(calls)) linked[name] = guard(run)
    if (options.suspends) linked['poll_oneoff'] = new WebAssembly.Suspending(linked['poll_oneoff'] as SuspendingCall)
    return linked
  }
  // Made when they are asked for: an instance is made for each call, and imports from one of the two.
  const imports: Wasi['imports'] = {}
  for (const [module, layout] of Object.entries(LAYOUTS)) {
    let linked: Wasi['imports'][string] | undefined
    Object.defineProperty(imports, module, { enumerable: true, get: () => (linked ??= link(layout)) })
  }
  return {
    imports,
    get tree() {
      return context.tree
    },
    get ended() {
      return ended
    },
    reset() {
      ended = undefined
      Object.assign(context, openFiles(surroundings, charge))
    },
  }
}

function openFiles(surroundings: Surroundings, charge: (bytes: number) => void) {
  const { grants, limits } = surroundings
  const tree = grants.includes(FILESYSTEM_GRANT)
    ? new ScratchTree(limits.scratchBytes, () => surroundings.wallClock(), charge)
    : undefined
  return { tree, descriptors: new Descriptors(tree), inputRead: 0 }
}

function callsOf(context: WasiContext, layout: Layout, suspends: boolean): Readonly<Record<string, Call>> {
  return {
    ...processCalls(context),
    ...fdCalls(context, layout),
    ...pathCalls(context, layout),
    ...socketCalls(context),
    poll_oneoff: pollOneoff(context, layout, suspends),
  }
}

/** There are no sockets: whatever is open is none. */
function socketCalls(context: WasiContext) {
  const noSocket = (fd: number): void => {
    context.descriptors.get(fd)
    refuse(Errno.notsock)
  }
  return { sock_accept: noSocket, sock_recv: noSocket, sock_send: noSocket, sock_shutdown: noSocket }
}

/** Names of all functions, of preview 1 and so of preview 0. */
const FUNCTIONS = new Set(Object.keys(callsOf({} as WasiContext, PREVIEW_1, false)))
