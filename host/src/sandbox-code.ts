import { cp, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import type { Confinement } from './confinement/confined-program.ts'
import { type ConfinementOptions, createConfinement } from './confinement/confinement.ts'
import { makePrivateDirectory } from './confinement/private-directory.ts'
import { HostError } from './host-error.ts'

/** Where a sandbox is started from, and how. */
export interface SandboxCode extends AsyncDisposable {
  readonly confinement: Confinement
  /** The only directory that a sandbox may read. */
  readonly directory: string
  readonly entry: string
}

/**
 * Copies the sandbox's code to a directory that another uid can read, and finds out how far sandboxes can be shut off here.
 * A bundled entry is copied alone; a `.ts` entry with its source tree (its directory's parent).
 * @throws HostError `host/isolation-unavailable` when a level is demanded that can't be had; `host/sandbox-lost` when the entry
 * is not there
 */
export async function prepareSandboxCode(options: ConfinementOptions & { sandboxEntry: string }): Promise<SandboxCode> {
  const confinement = await createConfinement(options)
  const directory = await makePrivateDirectory()
  const dispose = async () => {
    await confinement[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const entry = await copyCode(resolve(options.sandboxEntry), directory)
    return { confinement, directory, entry, [Symbol.asyncDispose]: dispose }
  } catch (cause) {
    await dispose()
    throw new HostError('host/sandbox-lost', `Cannot prepare the sandbox's code from ${options.sandboxEntry}`, {
      kind: 'fault',
      cause,
    })
  }
}

async function copyCode(entry: string, directory: string): Promise<string> {
  const root = entry.endsWith('.ts') ? dirname(dirname(entry)) : entry
  const target = entry.endsWith('.ts') ? join(directory, 'src') : join(directory, basename(entry))
  await cp(root, target, { recursive: true })
  await writeFile(join(directory, 'package.json'), '{"type":"module"}\n')
  return entry.endsWith('.ts') ? join(target, relative(root, entry)) : target
}
