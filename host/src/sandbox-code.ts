import { constants } from 'node:fs'
import { access, chmod, copyFile, cp, link, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, parse, relative, resolve } from 'node:path'
import { HostError } from './host-error.ts'

const DIRECTORY_PREFIX = 'teapot-sandbox-'

/** How far a sandbox is shut off: `process`, the permission model alone; `user`, under a uid of its own as well. */
export type Isolation = 'process' | 'user'

/** Where a sandbox is started from. */
export interface SandboxCode extends AsyncDisposable {
  readonly isolation: Isolation
  /** The only directory that a sandbox may read. */
  readonly directory: string
  readonly entry: string
  readonly nodePath: string
  /** `setpriv` of util-linux, where it is installed. */
  readonly setpriv: string | undefined
}

/**
 * Copies the sandbox's code to a directory that another uid can read, and finds out how far sandboxes can be shut off here.
 * A bundled entry is copied alone; a `.ts` entry with its source tree (its directory's parent).
 * @throws HostError `host/sandbox-lost` when `user` is demanded but is not possible, or the entry is not there.
 */
export async function prepareSandboxCode(options: {
  nodePath: string
  sandboxEntry: string
  isolation: Isolation | 'best'
}): Promise<SandboxCode> {
  const setpriv = await findSetpriv()
  const canSwitchUser = process.getuid?.() === 0 && setpriv !== undefined
  if (options.isolation === 'user' && !canSwitchUser)
    throw new HostError(
      'host/sandbox-lost',
      'Expected to run sandboxes under their own uid, found no root or no setpriv',
      {
        kind: 'unavailable',
      },
    )
  const isolation = canSwitchUser && options.isolation !== 'process' ? 'user' : 'process'
  await removeAbandoned()
  const directory = await mkdtemp(join(tmpdir(), `${DIRECTORY_PREFIX}${process.pid}-`))
  try {
    await chmod(directory, 0o755)
    const entry = await copyCode(resolve(options.sandboxEntry), directory)
    const nodePath =
      isolation === 'process' || (await othersMayRun(options.nodePath))
        ? options.nodePath
        : await copyNode(options.nodePath, directory)
    return {
      isolation,
      directory,
      entry,
      nodePath,
      setpriv,
      [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
    }
  } catch (cause) {
    await rm(directory, { recursive: true, force: true })
    throw new HostError('host/sandbox-lost', `Cannot prepare the sandbox's code from ${options.sandboxEntry}`, {
      kind: 'fault',
      cause,
    })
  }
}

/** Removes what processes left that were killed. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const [, pid] = name.startsWith(DIRECTORY_PREFIX) ? (/-(\d+)-[^-]+$/.exec(name) ?? []) : []
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {})
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function findSetpriv(): Promise<string | undefined> {
  for (const path of ['/usr/bin/setpriv', '/bin/setpriv'])
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path
  return undefined
}

async function copyCode(entry: string, directory: string): Promise<string> {
  const root = entry.endsWith('.ts') ? dirname(dirname(entry)) : entry
  const target = entry.endsWith('.ts') ? join(directory, 'src') : join(directory, basename(entry))
  await cp(root, target, { recursive: true })
  await writeFile(join(directory, 'package.json'), '{"type":"module"}\n')
  return entry.endsWith('.ts') ? join(target, relative(root, entry)) : target
}

/** Whether any uid may execute the file: the file itself, and every directory above it. */
async function othersMayRun(path: string): Promise<boolean> {
  const { root } = parse(resolve(path))
  if (((await stat(path)).mode & 0o005) !== 0o005) return false
  for (let at = dirname(resolve(path)); at !== root; at = dirname(at))
    if (((await stat(at)).mode & 0o001) === 0) return false
  return true
}

async function copyNode(nodePath: string, directory: string): Promise<string> {
  const target = join(directory, 'node')
  await link(nodePath, target).catch(() => copyFile(nodePath, target, constants.COPYFILE_FICLONE))
  await chmod(target, 0o755)
  return target
}
