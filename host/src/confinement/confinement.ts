import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs'
import { chmod, copyFile, link, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HostError } from '../host-error.ts'
import { bubblewrap } from './bubblewrap.ts'
import { Cgroup, JOIN } from './cgroup.ts'
import type { ConfinedProgram, Confinement } from './confined-program.ts'
import { innerPid, killInside } from './inner-process.ts'
import { ISOLATIONS, type Isolation, includesLevel } from './isolation.ts'
import { type Machine, surveyMachine } from './machine.ts'
import { nodeFlags } from './node-flags.ts'
import { makePrivateDirectory } from './private-directory.ts'
import { othersPass, othersReach } from './reach.ts'
import { buildFilter, type FilterGrants } from './seccomp.ts'
import { tryConfinement } from './trial.ts'
import { giveDirectories, releaseUid, takeUid } from './uids.ts'

/** Memory of a confined process that names none, in megabytes. */
const DEFAULT_MEMORY_MEGABYTES = 4_096
/** What Node maps to write to before it runs anything, in megabytes of address space: some 600, most of which it never touches. */
const NODE_MEGABYTES = 1_024
/** Processes and threads; Node starts some ten threads. */
const TASKS = 64
const OPEN_FILES = 1_024

/** What a confinement is made from. */
export interface ConfinementOptions {
  /** The Node 26 executable that confined programs run on. */
  readonly nodePath: string
  /** `best` takes the highest level at which a trial start succeeds; a level by name demands it. */
  readonly isolation: Isolation | 'best'
  /** Gets each reason for a lower level as it arises. */
  readonly onFallback?: (reason: string) => void
}

/**
 * Finds out how far this machine can shut off processes, by starting one and looking at it from outside.
 * @throws HostError `host/isolation-unavailable` when the level demanded can't be had
 */
export async function createConfinement(options: ConfinementOptions): Promise<Confinement> {
  const { nodePath, isolation, onFallback } = options
  const reasons: string[] = []
  const fallBack = (reason: string) => {
    if (reasons.includes(reason)) return
    reasons.push(reason)
    onFallback?.(reason)
  }
  for (const level of isolation === 'best' ? ISOLATIONS.toReversed() : [isolation])
    try {
      return await openLevel(level, nodePath, reasons, fallBack)
    } catch (cause) {
      const reason = `${level}: ${(cause as Error).message}`
      if (level === isolation || level === 'process')
        throw new HostError('host/isolation-unavailable', `Cannot start processes at the level ${reason}`, {
          kind: 'unavailable',
          cause,
        })
      fallBack(reason)
    }
  throw new TypeError(`Expected one of ${ISOLATIONS.join(', ')} or best, found ${isolation}`)
}

async function openLevel(
  level: Isolation,
  nodePath: string,
  reasons: readonly string[],
  fallBack: (reason: string) => void,
): Promise<Confinement> {
  const key = `${level} ${nodePath}`
  const machine = surveyed.get(key) ?? (await surveyMachine(level, nodePath))
  surveyed.set(key, machine)
  const directory = await makePrivateDirectory()
  const confinement = new MachineConfinement(level, machine, nodePath, directory, reasons, fallBack)
  try {
    await confinement.start()
    if (level !== 'process' && !tried.has(key)) await tryConfinement(confinement, machine.root, directory)
    tried.add(key)
    return confinement
  } catch (error) {
    await confinement[Symbol.asyncDispose]()
    throw error
  }
}

/** What was found, and seen to be in force, at a level with one Node: a machine is taken to stay as it is. */
const surveyed = new Map<string, Machine>()
const tried = new Set<string>()

class MachineConfinement implements Confinement {
  readonly isolation: Isolation
  readonly reasons: readonly string[]
  readonly #machine: Machine
  readonly #directory: string
  readonly #fallBack: (reason: string) => void
  readonly #filters = new Map<string, number>()
  #nodePath: string

  constructor(
    isolation: Isolation,
    machine: Machine,
    nodePath: string,
    directory: string,
    reasons: readonly string[],
    fallBack: (reason: string) => void,
  ) {
    this.isolation = isolation
    this.reasons = reasons
    this.#machine = machine
    this.#directory = directory
    this.#fallBack = fallBack
    this.#nodePath = nodePath
  }

  async start(): Promise<void> {
    if (this.isolation === 'user' && !othersReach(this.#nodePath)) await this.#copyNode()
  }

  spawn(program: ConfinedProgram): ChildProcess {
    const taken = new DisposableStack()
    // Once, however many say that it has ended: a uid may be another's by then.
    const end = () => taken.dispose()
    let filter: number | undefined
    try {
      if (this.#has('namespaces')) filter = this.#openFilter(program)
      const uid = this.#uidFor(program)
      if (uid !== undefined) taken.defer(() => releaseUid(uid))
      const group = this.#groupFor(program)
      taken.defer(() => group?.close())
      const [command, ...args] = this.#commandLine(program, uid, group)
      const stdio = [...program.stdio, ...(filter === undefined ? [] : [filter])]
      const child = spawn(command!, args, { cwd: workingDirectory(program), env: {}, stdio }).once('error', end)
      // Without descriptors to give it there are no pipes either (Node lib/internal/child_process.js); `error` follows.
      if (child.stdio === undefined) throw new Error('no file descriptors left')
      if (this.#has('namespaces')) killInside(child)
      return child.once('exit', end)
    } catch (cause) {
      end()
      const text = `Cannot start a process: ${(cause as Error).message}`
      throw new HostError('host/sandbox-lost', text, { kind: 'unavailable', cause })
    } finally {
      if (filter !== undefined) closeSync(filter)
    }
  }

  pidOf(child: ChildProcess): number | undefined {
    return this.#has('namespaces') ? innerPid(child) : child.pid
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#filters.values()) closeSync(file)
    this.#filters.clear()
    await rm(this.#directory, { recursive: true, force: true })
  }

  #has(level: Isolation): boolean {
    return includesLevel(this.isolation, level)
  }

  async #copyNode(): Promise<void> {
    const copy = join(this.#directory, 'node')
    await link(this.#nodePath, copy).catch(() => copyFile(this.#nodePath, copy, constants.COPYFILE_FICLONE))
    await chmod(copy, 0o755)
    this.#nodePath = copy
  }

  /** Its own uid, where there is one to give. */
  #uidFor({ read, write = [] }: ConfinedProgram): number | undefined {
    if (!this.#machine.root || !this.#has('user')) return undefined
    if (!this.#has('namespaces')) {
      const closed = read.find((path) => !othersReach(path)) ?? write.find((path) => !othersPass(dirname(path)))
      if (closed !== undefined) {
        this.#fallBack(
          `process for what needs ${closed}: Expected a path that any user can reach, found it closed to others`,
        )
        return undefined
      }
    }
    return write.length === 0 ? takeUid() : giveDirectories(write)
  }

  #groupFor({ memoryMegabytes = DEFAULT_MEMORY_MEGABYTES }: ConfinedProgram): Cgroup | undefined {
    const { cgroups } = this.#machine
    return cgroups && new Cgroup(cgroups, { memoryBytes: memoryMegabytes * 2 ** 20, tasks: TASKS })
  }

  /** A descriptor at the start of the filter. */
  #openFilter({ network = false, write = [] }: ConfinedProgram): number {
    const grants: FilterGrants = { network, write: write.length > 0 }
    const key = JSON.stringify(grants)
    const known = this.#filters.get(key) ?? this.#writeFilter(grants)
    this.#filters.set(key, known)
    return openSync(`/proc/self/fd/${known}`, 'r')
  }

  /** In a file without a name, so that nothing changes it or tidies it up. */
  #writeFilter(grants: FilterGrants): number {
    const path = join(this.#directory, 'filter')
    const file = openSync(path, 'wx+', 0o600)
    try {
      unlinkSync(path)
      writeSync(file, buildFilter(this.#machine.architecture!, grants))
      return file
    } catch (error) {
      closeSync(file)
      throw error
    }
  }

  /** Outermost first: join the group, take the limits, enter the namespaces, become the uid, run Node. */
  #commandLine(program: ConfinedProgram, uid: number | undefined, group: Cgroup | undefined): string[] {
    const { prlimit, setpriv, bwrap, root, libraries } = this.#machine
    return [
      ...(group ? ['/bin/sh', '-c', JOIN, 'sh', ...group.directories, '--'] : []),
      ...(prlimit ? [prlimit, ...resourceLimits(program, uid), '--'] : []),
      ...(this.#has('namespaces')
        ? bubblewrap({
            bwrap: bwrap!,
            read: [...libraries, ...program.read],
            write: program.write ?? [],
            network: program.network ?? false,
            root,
            filterAt: program.stdio.length,
            cwd: workingDirectory(program),
          })
        : []),
      // Inside namespaces that were made without root, bwrap has done it all.
      ...(setpriv && (root || !this.#has('namespaces')) ? [setpriv, ...privileges(uid)] : []),
      this.#nodePath,
      ...nodeFlags(program),
      program.entry,
      ...(program.args ?? []),
    ]
  }
}

function workingDirectory({ cwd, entry }: ConfinedProgram): string {
  return cwd ?? dirname(entry)
}

/** Limits of setrlimit(2): what a process of its own uid can't lift again. */
function resourceLimits(
  { memoryMegabytes = DEFAULT_MEMORY_MEGABYTES, write = [] }: ConfinedProgram,
  uid: number | undefined,
): string[] {
  return [
    '--core=0',
    `--data=${(memoryMegabytes + NODE_MEGABYTES) * 2 ** 20}`,
    `--nofile=${OPEN_FILES}`,
    ...(write.length === 0 ? ['--fsize=0'] : []),
    // It counts by uid, so that it fits only one that is its own.
    ...(uid === undefined ? [] : [`--nproc=${TASKS}`]),
  ]
}

/** A program that spins does not notice that its parent is gone: the kernel ends it. */
function privileges(uid: number | undefined): string[] {
  const always = ['--pdeathsig=KILL', '--no-new-privs']
  if (uid === undefined) return always
  const identity = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
  return [...always, ...identity, '--bounding-set=-all', '--inh-caps=-all']
}
