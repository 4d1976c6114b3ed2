import { readFile } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { TeapotError } from '@teapot-network/trust'
import type { TpmAddress } from '../tpm/transport.ts'

/** What the launcher reads of `machine.json` (spec/launch.md §5); the rest is the daemon's. Paths are absolute. */
export interface LaunchFile {
  /** The machine's name, for messages. */
  name: string
  /** The runtime image. */
  imageDir: string
  /** Where the launcher puts the copy that it runs. */
  runDir: string
  eventLog: string
  tpm: TpmAddress
}

/** Reads `machine.json`. @throws TeapotError `boot/bad-machine-file` naming the first field that is missing or no absolute path */
export async function readLaunchFile(path: string): Promise<LaunchFile> {
  let file: Record<string, unknown>
  try {
    file = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw bad(path, 'JSON', (cause as Error).message)
  }
  if (typeof file !== 'object' || file === null) throw bad(path, 'an object', String(file))
  for (const field of ['imageDir', 'runDir', 'eventLog']) {
    const value = file[field]
    if (typeof value !== 'string' || !isAbsolute(value)) throw bad(path, `an absolute path in ${field}`, String(value))
  }
  const tpm = file['tpm'] as { [key: string]: unknown } | undefined
  const known = tpm && ['socket', 'device', 'host'].some((field) => typeof tpm[field] === 'string')
  if (!known) throw bad(path, 'tpm with socket, device, or host and port', JSON.stringify(tpm))
  if (typeof file['name'] !== 'string') throw bad(path, 'a name', String(file['name']))
  return file as unknown as LaunchFile
}

function bad(path: string, expected: string, found: string): TeapotError {
  return new TeapotError('boot/bad-machine-file', `Cannot use ${path}: expected ${expected}, found ${found}`)
}
