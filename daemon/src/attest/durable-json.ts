import { open, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { TeapotError } from '@teapot-network/trust'

/** A small value that outlives the process, whole or as it was before. */
export interface DurableJson<T> {
  readonly value: T
  /** Resolves once `value` is on disk, flushed, under its name. */
  save(value: T): Promise<void>
}

/** Opens the JSON file at `path`; `initial` while there is none. @throws TeapotError `attest/bad-notes` when what is there is no JSON */
export async function openDurableJson<T>(path: string, initial: T): Promise<DurableJson<T>> {
  let value: T = await read(path, initial)
  let saving: Promise<void> = Promise.resolve()

  async function write(text: string): Promise<void> {
    await writeFile(`${path}.new`, text, { mode: 0o600, flush: true })
    await rename(`${path}.new`, path)
    await using folder = await open(dirname(path))
    await folder.sync()
  }

  return {
    get value() {
      return value
    },
    save(next) {
      value = next
      const text = JSON.stringify(next)
      const saved = saving.then(() => write(text))
      saving = saved.catch(() => {})
      return saved
    },
  }
}

async function read<T>(path: string, initial: T): Promise<T> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return initial
    const message = `Cannot use ${path}: expected this node's own notes, found ${(cause as Error).message}; put back a copy, or remove it once the epoch has closed`
    throw new TeapotError('attest/bad-notes', message, { kind: 'fault', cause })
  }
}
