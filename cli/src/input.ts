import { randomUUID } from 'node:crypto'
import { access, constants, open, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { TeapotError, utf8 } from '@teapot-network/trust'
import type { Arguments, Io } from './command.ts'

/** Options that say what a call was asked, and what its actor saw. */
export const callOptions = {
  payload: { type: 'string', value: 'TEXT', help: 'what was asked, as text; - reads standard input' },
  request: { type: 'string', help: 'what was asked, from this file' },
  trace: { type: 'string', help: 'what the actor saw of the world, from this file' },
} as const

/** Reads a file named on the command line. @throws TeapotError `cli/cannot-read` */
export async function readInput(path: string, { cwd }: Io): Promise<Uint8Array> {
  try {
    return await readFile(resolve(cwd, path))
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const found = code === 'ENOENT' ? 'nothing there' : code === 'EISDIR' ? 'a directory' : message
    throw new TeapotError('cli/cannot-read', `Cannot read ${path}: expected a file, found ${found}`, {
      kind: 'unavailable',
      cause,
    })
  }
}

/** Reads a file with what reads its bytes, whose error then names the file. @throws TeapotError `cli/cannot-read`; those of `parse` */
export async function readAs<T>(path: string, what: string, parse: (bytes: Uint8Array) => T, io: Io): Promise<T> {
  const bytes = await readInput(path, io)
  try {
    return parse(bytes)
  } catch (cause) {
    if (!(cause instanceof TeapotError)) throw cause
    throw new TeapotError(cause.code, `Cannot read ${path}: expected ${what}, found: ${cause.message}`, { cause })
  }
}

/** Looks, before there is something to lose, whether files can be written there. @throws TeapotError `cli/cannot-write` */
export async function requireWritable(path: string | undefined, { cwd }: Io): Promise<void> {
  if (path === undefined) return
  const to = resolve(cwd, path)
  const there = await stat(to).catch(() => undefined)
  try {
    if (there?.isDirectory()) throw new Error('a directory')
    await access(there === undefined || there.isFile() ? dirname(to) : to, constants.W_OK)
  } catch (cause) {
    throw cannotWrite(path, cause)
  }
}

/**
 * Puts these bytes in the file's place: whoever reads it finds the old ones or the new ones, whole, even after a power cut. What is no file,
 * such as `/dev/stdout`, they are written to.
 * @throws TeapotError `cli/cannot-write`
 */
export async function replaceFile(path: string, bytes: Uint8Array, { cwd }: Pick<Io, 'cwd'>): Promise<void> {
  const named = resolve(cwd, path)
  const there = await stat(named).catch(() => undefined)
  const to = there?.isFile() ? await realpath(named) : named
  const from = `${to}.${randomUUID()}.tmp`
  try {
    if (there !== undefined && !there.isFile()) return await writeFile(to, bytes)
    {
      await using file = await open(from, 'wx', there?.mode ?? 0o666)
      await file.writeFile(bytes)
      await file.sync()
    }
    await rename(from, to)
  } catch (cause) {
    await rm(from, { force: true })
    throw cannotWrite(path, cause)
  }
}

function cannotWrite(path: string, cause: unknown): TeapotError {
  const message = `Cannot write ${path}: expected a place that takes files, found: ${(cause as Error).message}`
  return new TeapotError('cli/cannot-write', message, { kind: 'unavailable', cause })
}

/** A payload as typed: `-` is standard input, anything else is its own text. */
export async function readPayload(text: string | undefined, io: Io): Promise<Uint8Array> {
  if (text === undefined) return new Uint8Array(0)
  return text === '-' ? io.stdin() : utf8(text)
}

/** Bytes given as text in one option, or as a file in the other; undefined for neither. @throws TeapotError `cli/usage`, `cli/cannot-read` */
export async function readEither(typed: string, filed: string, { values }: Arguments, io: Io) {
  const [text, file] = [values[typed], values[filed]] as (string | undefined)[]
  if (text === undefined) return file === undefined ? undefined : readInput(file, io)
  if (file === undefined) return readPayload(text, io)
  throw new TeapotError('cli/usage', `Cannot take both --${typed} and --${filed}: expected one of them, found two`)
}
