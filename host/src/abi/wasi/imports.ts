import { BYTE_FUEL, HOST_CALL_FUEL } from '../../wasm/fuel-gauge.ts'
import { GuestFault } from '../guest-fault.ts'
import type { Surroundings } from '../program.ts'
import type { WasiContext } from './context.ts'
import { Descriptors } from './descriptors.ts'
import { Errno, Refused, refuse } from './errno.ts'
import { fdCalls } from './fd-calls.ts'
import { GuestMemory } from './guest-memory.ts'
import { type Layout, PREVIEW_0, PREVIEW_1 } from './layout.ts'
import { pathCalls } from './path-calls.ts'
import { pollOneoff } from './poll.ts'
import { ProcExit, processCalls } from './process-calls.ts'
import { ScratchTree } from './scratch-tree.ts'

/** The grant without which an instance has no files. */
export const FILESYSTEM_GRANT = 'wasi:filesystem'

/** What the WASI functions of one instance work on. Everything is read when it is needed, and so may change between calls. */
export interface WasiOptions {
  readonly surroundings: Surroundings
  /** The instance's exported memory, once it is there. */
  readonly memory: () => WebAssembly.Memory | undefined
  /** UTF-8, the program's name first. */
  readonly args: readonly Uint8Array[]
  readonly stdin: Uint8Array
  /** Get what the guest writes; the bytes are the guest's own, good until the function returns. May throw GuestFault. */
  readonly stdout: (bytes: Uint8Array) => void
  readonly stderr: (bytes: Uint8Array) => void
  /** Is charged for every call before it is done (spec/host.md §8). */
  readonly gauge: { charge(units: number): void }
  /** Whether the guest runs inside of `WebAssembly.promising`, so that `poll_oneoff` can suspend it; else it only waits for nothing. */
  readonly suspends: boolean
}

/** WASI as one instance sees it. */
export interface Wasi {
  /** By module: `wasi_snapshot_preview1` and `wasi_unstable`. */
  readonly imports: Record<string, Record<string, WebAssembly.ImportValue>>
  /** The scratch directory, when `wasi:filesystem` is granted. */
  readonly tree: ScratchTree | undefined
  /** What ended the guest. A guest can catch it, and fails all the same: whoever ran it asks here before it takes a result. */
  readonly ended: ProcExit | GuestFault | undefined
  /** For the next call: not ended, an empty scratch directory, no descriptors but those of the start, stdin unread. */
  reset(): void
}

type Call = (...args: never[]) => void | Promise<void>

const LAYOUTS: Record<string, Layout> = { wasi_snapshot_preview1: PREVIEW_1, wasi_unstable: PREVIEW_0 }

/** All functions of WASI preview 1, and so of preview 0. */
const FUNCTIONS = [
  ...(['args_get', 'args_sizes_get', 'environ_get', 'environ_sizes_get', 'clock_res_get', 'clock_time_get'] as const),
  ...(['random_get', 'proc_exit', 'proc_raise', 'sched_yield', 'poll_oneoff'] as const),
  ...(['fd_advise', 'fd_allocate', 'fd_close', 'fd_datasync', 'fd_fdstat_get', 'fd_fdstat_set_flags'] as const),
  ...(['fd_fdstat_set_rights', 'fd_filestat_get', 'fd_filestat_set_size', 'fd_filestat_set_times'] as const),
  ...(['fd_pread', 'fd_prestat_dir_name', 'fd_prestat_get', 'fd_pwrite', 'fd_read', 'fd_readdir'] as const),
  ...(['fd_renumber', 'fd_seek', 'fd_sync', 'fd_tell', 'fd_write'] as const),
  ...(['path_create_directory', 'path_filestat_get', 'path_filestat_set_times', 'path_link', 'path_open'] as const),
  ...(['path_readlink', 'path_remove_directory', 'path_rename', 'path_symlink', 'path_unlink_file'] as const),
  ...(['sock_accept', 'sock_recv', 'sock_send', 'sock_shutdown'] as const),
]

type SuspendingCall = ConstructorParameters<typeof WebAssembly.Suspending>[0]
type Calls = { [name in (typeof FUNCTIONS)[number]]: Call }

/** Whether an import is one that {@link createWasiImports} serves. Anything else a module wants of WASI is denied. */
export function isWasiImport(wanted: { module: string; name: string; kind: WebAssembly.ItemKind }): boolean {
  return (
    wanted.kind === 'function' && Object.hasOwn(LAYOUTS, wanted.module) && (FUNCTIONS as string[]).includes(wanted.name)
  )
}

/** Makes the functions that one instance imports (spec/host.md §3.6). */
export function createWasiImports(options: WasiOptions): Wasi {
  const { surroundings, gauge } = options
  let ended: ProcExit | GuestFault | undefined
  const charge = (bytes: number) => gauge.charge(bytes * BYTE_FUEL)
  const context: WasiContext = {
    surroundings,
    memory: new GuestMemory(options.memory, charge),
    ...openFiles(surroundings, charge),
    args: () => options.args,
    stdin: () => options.stdin,
    stdout: (bytes) => options.stdout(bytes),
    stderr: (bytes) => options.stderr(bytes),
    charge,
  }
  /** What a guest could catch is kept, so that it ends nonetheless. */
  const answer = (error: unknown): Errno => {
    if (error instanceof Refused) return error.errno
    if (error instanceof ProcExit || error instanceof GuestFault) ended ??= error
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

function callsOf(context: WasiContext, layout: Layout, suspends: boolean): Calls {
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
