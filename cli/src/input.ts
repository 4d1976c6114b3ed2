import { open, readFile, rename } from 'node:fs/promises'
import { resolve } from 'node:path'
import { TeapotError, utf8 } from '@teapot-network/trust'
import type { Io } from './command.ts'

/** Reads a file named on the command line. @throws TeapotError `cli/cannot-read` */
export async function readInput(path: string, { cwd }: Io): Promise<Uint8Array> {
  try {
    return await readFile(resolve(cwd, path))
  } catch (cause) {
    throw new TeapotError('cli/cannot-read', `Cannot read ${path}: ${(cause as Error).message}`, { cause })
  }
}

/** Puts these bytes in the file's place: whoever reads it finds the old ones or the new ones, whole, even after a power cut. */
export async function replaceFile(path: string, bytes: Uint8Array, { cwd }: Io): Promise<void> {
  const to = resolve(cwd, path)
  const from = `${to}.${process.pid}.tmp`
  await using file = await open(from, 'w')
  await file.writeFile(bytes)
  await file.sync()
  await rename(from, to)
}

/** A payload as typed: `-` is standard input, anything else is its own text. */
export async function readPayload(text: string | undefined, io: Io): Promise<Uint8Array> {
  if (text === undefined) return new Uint8Array(0)
  return text === '-' ? io.stdin() : utf8(text)
}

/** Bytes for a terminal: text where they are UTF-8 that can be shown, else hex. */
export function showBytes(bytes: Uint8Array): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (printable(text) === text) return text
  } catch {}
  return `0x${Buffer.from(bytes).toString('hex')}`
}

/** Text from strangers without what could repaint the terminal: control characters but tab and newline, and bidirectional overrides. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')
}
