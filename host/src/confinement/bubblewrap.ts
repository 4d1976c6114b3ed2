import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

/** What a program in namespaces of its own finds there, and how it gets there. */
export interface Namespaces {
  readonly bwrap: string
  /** Files and directories mounted where they are outside, read-only. */
  readonly read: readonly string[]
  readonly write: readonly string[]
  readonly network: boolean
  /** Root needs no namespace of users, and keeps what `setpriv` needs to take the program's uid inside. */
  readonly root: boolean
  /** The descriptor with the seccomp filter. */
  readonly filterAt: number
  readonly cwd: string
}

/** What a resolver reads. */
const NETWORK_FILES = ['/etc/resolv.conf', '/etc/hosts', '/etc/nsswitch.conf', '/etc/gai.conf']

/**
 * The command line of bubblewrap: a root of its own, read-only and in memory, with nothing mounted but what is named, no
 * `/proc`, no `/dev`; namespaces of everything but, where it is granted, the network. Process 1 there is bwrap's own: the kernel
 * ends it with its parent, which has no right to signal the program's uid, and all others with it.
 */
export function bubblewrap({ bwrap, read, write, network, root, filterAt, cwd }: Namespaces): string[] {
  const readOnly = [...new Set([...read, ...(network ? NETWORK_FILES.filter((path) => existsSync(path)) : [])])]
  const mounts = [
    ...readOnly.map((path) => ({ how: '--ro-bind', path })),
    ...write.map((path) => ({ how: '--bind', path })),
    // What lies within another comes after it.
  ].sort((a, b) => (a.path < b.path ? -1 : 1))
  return [
    bwrap,
    ...(root
      ? ['--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--unshare-cgroup-try']
      : ['--unshare-all']),
    ...(network ? ['--share-net'] : []),
    // No --new-session: the kernel schedules each session apart, which made calls on a busy machine half as slow again. What it
    // keeps from a terminal the filter does, and there is none to open.
    ...['--hostname', 'sandbox', '--die-with-parent', '--clearenv'],
    ...['--cap-drop', 'ALL'],
    ...(root ? ['CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP'].flatMap((name) => ['--cap-add', name]) : []),
    // bwrap makes missing parents for its own user alone.
    ...parents([...readOnly, ...write]).flatMap((path) => ['--dir', path]),
    ...mounts.flatMap(({ how, path }) => [how, path, path]),
    ...['--remount-ro', '/', '--chdir', cwd, '--seccomp', String(filterAt), '--'],
  ]
}

function parents(paths: readonly string[]): string[] {
  const all = new Set<string>()
  for (const path of paths) for (let at = dirname(path); at !== '/'; at = dirname(at)) all.add(at)
  return [...all].sort()
}

/** The shared libraries that the loader takes for a program, its own path included. Empty for a static one. */
export async function librariesOf(executable: string): Promise<string[]> {
  // What ldd does: the loader lists instead of running (ld.so(8)). A static program would run: it gets a harmless option.
  const { stdout } = await promisify(execFile)(executable, ['--version'], { env: { LD_TRACE_LOADED_OBJECTS: '1' } })
  return [...stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map(([, path]) => path!)
}
