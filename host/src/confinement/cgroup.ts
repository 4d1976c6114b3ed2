import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the kernel mounts its control groups. */
const MOUNT = '/sys/fs/cgroup'
const CONTROLLERS = ['memory', 'pids'] as const
const GROUP = /^teapot-(\d+)-\d+$/

type Controller = (typeof CONTROLLERS)[number]

/** Where groups are made: one directory for both controllers (version 2), or one for each (version 1). */
export interface CgroupParent {
  readonly version: 1 | 2
  readonly directories: Readonly<Record<Controller, string>>
}

/** What one group may hold. */
export interface CgroupLimits {
  readonly memoryBytes: number
  /** Processes and threads. */
  readonly tasks: number
}

/**
 * Finds where this process may make groups, by trying: below its own group.
 * @throws Error that says what is missing, when it may not
 */
export function findCgroupParent(mount = MOUNT, own = readFileSync('/proc/self/cgroup', 'utf8')): CgroupParent {
  const parent = existsSync(join(mount, 'cgroup.controllers')) ? unified(mount, own) : separate(mount, own)
  for (const directory of new Set(Object.values(parent.directories))) removeAbandoned(directory)
  new Cgroup(parent, { memoryBytes: 1 << 30, tasks: 64 }).close()
  return parent
}

/** Version 2 (kernel, `Documentation/admin-guide/cgroup-v2.rst`): controllers are handed down by a group without processes. */
function unified(mount: string, own: string): CgroupParent {
  const directory = join(mount, pathOf(own, ''))
  const read = (name: string) => readFileSync(join(directory, name), 'utf8').trim().split(/\s+/)
  const offered = read('cgroup.controllers')
  const lacking = CONTROLLERS.filter((name) => !offered.includes(name))
  if (lacking.length > 0)
    throw new Error(
      `Expected the controllers ${CONTROLLERS.join(' and ')} in ${directory}, found no ${lacking.join(', ')}`,
    )
  const handDown = () =>
    writeFileSync(join(directory, 'cgroup.subtree_control'), CONTROLLERS.map((name) => `+${name}`).join(' '))
  try {
    handDown()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
    const others = read('cgroup.procs').filter((pid) => pid !== '' && Number(pid) !== process.pid)
    if (others.length > 0)
      throw new Error(
        `Expected a control group of the node's own, found ${others.length} other processes in ${directory}`,
      )
    const leaf = join(directory, 'node')
    mkdirSync(leaf, { recursive: true })
    writeFileSync(join(leaf, 'cgroup.procs'), String(process.pid))
    handDown()
  }
  return { version: 2, directories: { memory: directory, pids: directory } }
}

/** Version 1 knows no delegation: groups are made where nobody else has put this process into one of theirs. */
function separate(mount: string, own: string): CgroupParent {
  for (const name of CONTROLLERS) {
    const path = pathOf(own, name)
    if (path !== '/')
      throw new Error(`Expected the root of the ${name} control groups, found the node in ${path}, another's`)
  }
  return { version: 1, directories: { memory: join(mount, 'memory'), pids: join(mount, 'pids') } }
}

function pathOf(own: string, controllers: string): string {
  for (const line of own.split('\n')) {
    const [, names, path] = line.split(':', 3)
    if (path !== undefined && names!.split(',').includes(controllers)) return path
  }
  throw new Error(`Expected a control group ${controllers || 'of version 2'} in /proc/self/cgroup, found none`)
}

/** Removes the groups of nodes that were killed. */
function removeAbandoned(directory: string): void {
  for (const name of readdirSync(directory)) {
    const [, pid] = GROUP.exec(name) ?? []
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue
    try {
      rmdirSync(join(directory, name))
    } catch {
      // Something in it still runs.
    }
  }
}

let made = 0

/** One group with limits, for one process tree; processes join by {@link JOIN} before they start. */
export class Cgroup {
  readonly directories: readonly string[]

  constructor(parent: CgroupParent, { memoryBytes, tasks }: CgroupLimits) {
    const name = `teapot-${process.pid}-${made++}`
    const at = (controller: Controller) => join(parent.directories[controller], name)
    this.directories = [...new Set(CONTROLLERS.map(at))]
    try {
      for (const directory of this.directories) mkdirSync(directory)
      const memory = parent.version === 2 ? ['memory.max', 'memory.swap.max'] : ['memory.limit_in_bytes']
      writeFileSync(join(at('memory'), memory[0]!), String(memoryBytes))
      // Absent where the kernel accounts for no swap.
      if (memory[1] && existsSync(join(at('memory'), memory[1]))) writeFileSync(join(at('memory'), memory[1]), '0')
      writeFileSync(join(at('pids'), 'pids.max'), String(tasks))
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Removes it, once nothing runs in it. */
  close(tries = 600): void {
    for (const directory of this.directories)
      try {
        if (existsSync(directory)) rmdirSync(directory)
      } catch {
        if (tries > 0) setTimeout(() => this.close(tries - 1), 50).unref()
        return
      }
  }
}

/** A shell's script that joins the groups named before `--` and becomes the command after it. 0 stands for itself. */
export const JOIN = 'while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'
