import type { ChildProcess, IOType } from 'node:child_process'
import type { Isolation } from './isolation.ts'

/** A program for Node, and all that it may touch. */
export interface ConfinedProgram {
  /** The file to run. */
  readonly entry: string
  readonly args?: readonly string[]
  /** Files and directories that it may read, `entry` among them. */
  readonly read: readonly string[]
  /** Directories that it may write to; under a uid of its own they become that uid's. */
  readonly write?: readonly string[]
  /** Whether it may open connections. */
  readonly network?: boolean
  /** Node flags that grant more, such as `--experimental-sqlite`. */
  readonly allow?: readonly string[]
  /** Node and V8 flags besides. */
  readonly nodeFlags?: readonly string[]
  /** Memory that it may hold: of any kind at `cgroup`; below, private memory beyond what Node itself maps. */
  readonly memoryMegabytes?: number
  readonly stdio: readonly IOType[]
  /** Its working directory; by default that of `entry`. */
  readonly cwd?: string
}

/** How confined processes are started on this machine. */
export interface Confinement extends AsyncDisposable {
  readonly isolation: Isolation
  /** Why it is no higher level; and which programs run at a lower one. Empty at the highest. */
  readonly reasons: readonly string[]
  /**
   * Starts a program with an empty environment. `kill` of the child reaches the program itself, and `exit` says that it has ended.
   * @throws HostError `host/sandbox-lost` when the machine refuses what it allowed before, such as another control group
   */
  spawn(program: ConfinedProgram): ChildProcess
  /** The process that runs the program: the one whose memory counts. */
  pidOf(child: ChildProcess): number | undefined
}
