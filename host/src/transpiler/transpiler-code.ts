import { copyFile, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makePrivateDirectory } from '../confinement/private-directory.ts'

/** What a transpiler runs, and what it may read for it. */
export interface TranspilerCode extends AsyncDisposable {
  readonly entry: string
  readonly args: readonly string[]
  readonly read: readonly string[]
}

/**
 * Finds the transpiler's code: a bundle is copied to where another uid can read it; sources run where they are, with jco's
 * package beside them, which a bundle has inside.
 * @throws Error when the bundle is not there
 */
export async function openTranspilerCode(path: string): Promise<TranspilerCode> {
  if (path.endsWith('.ts')) {
    const sources = dirname(dirname(resolve(path)))
    const generator = new URL('.', import.meta.resolve('@bytecodealliance/jco-transpile/component'))
    const read = [sources, resolve(sources, '../package.json'), fileURLToPath(new URL('..', generator))]
    return { entry: resolve(path), args: [generator.href], read, [Symbol.asyncDispose]: async () => {} }
  }
  const directory = await makePrivateDirectory()
  const dispose = () => rm(directory, { recursive: true, force: true })
  const entry = join(directory, basename(path))
  try {
    await copyFile(path, entry)
  } catch (error) {
    await dispose()
    throw error
  }
  return { entry, args: [], read: [directory], [Symbol.asyncDispose]: dispose }
}
