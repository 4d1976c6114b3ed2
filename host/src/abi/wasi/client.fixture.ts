import { moduleOf } from '../../testing/build-module.ts'
import { stillWorld } from '../surroundings.fixture.ts'
import type { WasiOptions } from './context.ts'
import { createWasiImports, FILESYSTEM_GRANT, type Wasi } from './imports.ts'
import { DIRECTORY_RIGHTS, FILE_RIGHTS } from './rights.ts'

const PATH = 1024
const OTHER_PATH = 16_384
const VECTOR = 512
const RESULT = 256
const DATA = 32_768
const ALL = BigInt(FILE_RIGHTS)
const INHERITED = BigInt(DIRECTORY_RIGHTS | FILE_RIGHTS)

/** What {@link openClient} may be told. */
export interface ClientOptions {
  files?: boolean
  scratchBytes?: number
  environment?: Record<string, string>
  args?: string[]
  stdin?: string
  charge?: (units: number) => void
  /** `poll_oneoff` is called from a guest that can be suspended, and gives a promise. */
  suspends?: boolean
  module?: string
  /** Calls come before the instance has a memory. */
  early?: boolean
}

/** WASI as a program's libc would use it: texts and numbers instead of pointers. Clocks stand still, random bytes are all 7. */
export function openClient(options: ClientOptions = {}) {
  let memory = new WebAssembly.Memory({ initial: 1 })
  const said = { stdout: '', stderr: '' }
  const slept: bigint[] = []
  const surroundings = stillWorld(
    {
      grants: options.files === false ? [] : [FILESYSTEM_GRANT],
      environment: options.environment ?? {},
      wallClock: () => 1_700_000_000_000_000_000n,
      monotonicClock: () => 5_000_000n,
      sleep: async (nanoseconds) => void slept.push(nanoseconds),
    },
    { scratchBytes: options.scratchBytes ?? 1 << 20 },
  )
  const told: WasiOptions = {
    surroundings,
    memory: () => (options.early ? undefined : memory),
    args: (options.args ?? ['program']).map((text) => Buffer.from(text)),
    stdin: Buffer.from(options.stdin ?? ''),
    stdout: (part) => {
      said.stdout += Buffer.from(part).toString()
    },
    stderr: (part) => {
      said.stderr += Buffer.from(part).toString()
    },
    gauge: { charge: options.charge ?? (() => undefined) },
    suspends: options.suspends ?? false,
  }
  const wasi: Wasi = createWasiImports(told)
  const module = options.module ?? 'wasi_snapshot_preview1'
  const functions = { ...wasi.imports[module] } as Record<string, (...args: (number | bigint)[]) => number>
  if (options.suspends) {
    const guest = new WebAssembly.Instance(new WebAssembly.Module(POLLING[module]!), wasi.imports).exports
    memory = guest['memory'] as WebAssembly.Memory
    const poll: unknown = WebAssembly.promising(guest['poll'] as WebAssembly.GuestFunction)
    functions['poll_oneoff'] = poll as (...args: (number | bigint)[]) => number
  }
  const bytes = new Uint8Array(memory.buffer)
  const view = new DataView(memory.buffer)
  const call = (name: string, ...args: (number | bigint)[]): number => functions[name]!(...args)
  const put = (at: number, text: string | Uint8Array): [number, number] => {
    const part = Buffer.from(text as string)
    bytes.set(part, at)
    return [at, part.length]
  }
  const path = (text: string) => put(PATH, text)
  const number = (errno: number) => (errno === 0 ? view.getUint32(RESULT, true) : -errno)
  const big = (errno: number) => (errno === 0 ? Number(view.getBigUint64(RESULT, true)) : -errno)
  const vector = (length: number) => {
    view.setUint32(VECTOR, DATA, true)
    view.setUint32(VECTOR + 4, length, true)
    return [VECTOR, 1] as const
  }
  return {
    ...{ wasi, memory, bytes, view, said, slept, call, path, put, functions },
    at: { path: PATH, result: RESULT, data: DATA },
    /** @returns the descriptor, or minus the error number; as the functions below */
    open: (text: string, { flags = 0, rights = ALL, inheriting = INHERITED, dir = 3, follow = 1, fdFlags = 0 } = {}) =>
      number(call('path_open', dir, follow, ...path(text), flags, rights, inheriting, fdFlags, RESULT)),
    write: (fd: number, text: string) => {
      put(DATA, text)
      return number(call('fd_write', fd, ...vector(Buffer.byteLength(text)), RESULT))
    },
    /** @returns the text, or minus the error number as a text */
    read: (fd: number, length = 4096) => {
      const count = number(call('fd_read', fd, ...vector(length), RESULT))
      return count < 0 ? String(count) : Buffer.from(bytes.subarray(DATA, DATA + count)).toString()
    },
    seek: (fd: number, delta: bigint, whence: number) => big(call('fd_seek', fd, delta, whence, RESULT)),
    size: (text: string) => {
      const errno = call('path_filestat_get', 3, 0, ...path(text), RESULT)
      return errno === 0 ? Number(view.getBigUint64(RESULT + 32, true)) : -errno
    },
    /** For functions of one path. */
    on: (name: string, text: string, dir = 3) => 0 - call(name, dir, ...path(text)),
    rename: (from: string, to: string) => 0 - call('path_rename', 3, ...path(from), 3, ...put(OTHER_PATH, to)),
    link: (from: string, to: string) => 0 - call('path_link', 3, 0, ...path(from), 3, ...put(OTHER_PATH, to)),
    symlink: (target: string, at: string) => 0 - call('path_symlink', ...path(target), 3, ...put(OTHER_PATH, at)),
    /** Names from a cookie on, as many as fit, and the cookie to go on from. */
    list: (fd: number, cookie = 0n, length = 4096) => {
      const used = number(call('fd_readdir', fd, DATA, length, cookie, RESULT))
      const entries: { name: string; next: bigint; type: number }[] = []
      for (let at = DATA; at + 24 <= DATA + used; ) {
        const end = at + 24 + view.getUint32(at + 16, true)
        if (end > DATA + used) break
        const name = Buffer.from(bytes.subarray(at + 24, end)).toString()
        entries.push({ name, next: view.getBigUint64(at, true), type: bytes[at + 20]! })
        at = end
      }
      return { used, entries, names: entries.map((entry) => entry.name) }
    },
  }
}

/** A guest that passes its arguments on to `poll_oneoff`, by the module of which that is. */
const polling = (wasi: string) =>
  moduleOf(
    `(func (export "poll") (param i32 i32 i32 i32) (result i32)
      (call $poll_oneoff (local.get 0) (local.get 1) (local.get 2) (local.get 3)))`,
    { wasi },
  )
const POLLING: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  wasi_snapshot_preview1: await polling('wasi_snapshot_preview1'),
  wasi_unstable: await polling('wasi_unstable'),
}
