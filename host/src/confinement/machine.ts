import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { librariesOf } from './bubblewrap.ts'
import { type CgroupParent, findCgroupParent } from './cgroup.ts'
import { type Isolation, includesLevel } from './isolation.ts'
import type { FilterArchitecture } from './system-calls.ts'

/** The programs that shut off others, and what else one level takes, as found on this machine. */
export interface Machine {
  readonly root: boolean
  readonly setpriv: string | undefined
  readonly prlimit: string | undefined
  readonly bwrap: string | undefined
  readonly architecture: FilterArchitecture | undefined
  /** Files that Node, and as root `setpriv`, load; only for levels with mounts of their own. */
  readonly libraries: readonly string[]
  readonly cgroups: CgroupParent | undefined
}

/**
 * Looks for what a level takes.
 * @throws Error that says what is missing
 */
export async function surveyMachine(level: Isolation, nodePath: string): Promise<Machine> {
  const [setpriv, prlimit, bwrap] = await Promise.all(['setpriv', 'prlimit', 'bwrap'].map(findProgram))
  const root = process.getuid?.() === 0
  const { arch } = process
  const architecture = arch === 'x64' || arch === 'arm64' ? arch : undefined
  const found = { root, setpriv, prlimit, bwrap, architecture }
  if (level === 'process') return { ...found, libraries: [], cgroups: undefined }
  if (setpriv === undefined || prlimit === undefined)
    throw new Error('Expected setpriv and prlimit, found none; install util-linux')
  if (level === 'user') {
    if (!root) throw new Error('Expected to run as root, which may give processes other uids, found another user')
    return { ...found, libraries: [], cgroups: undefined }
  }
  if (bwrap === undefined) throw new Error('Expected bwrap, found none; install bubblewrap')
  if (architecture === undefined) throw new Error(`Expected x64 or arm64, for which there is a filter, found ${arch}`)
  const cgroups = includesLevel(level, 'cgroup') ? findCgroupParent() : undefined
  const inside = root ? [nodePath, setpriv] : [nodePath]
  const libraries = (await Promise.all(inside.map(librariesOf))).flat()
  return { ...found, libraries: [...new Set([...inside, ...libraries])], cgroups }
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const path of [`/usr/bin/${name}`, `/bin/${name}`])
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path
  return undefined
}
