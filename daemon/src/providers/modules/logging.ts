import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { CreateProvider } from '../provider.ts'
import { ProviderRefusal } from '../provider.ts'
import { Request } from './request.ts'

const FILE_BYTES = 1 << 20
const FILES = 4
const BODY_CHARACTERS = 8_192
const LEVELS = ['off', 'error', 'warn', 'info', 'debug', 'trace'] as const

/** `wascc:logging`: WriteLog `{level, body}` → one line of JSON in `log.jsonl`, which is kept small by turning it over. */
const create: CreateProvider = ({ dataDirectory }) => {
  const path = join(dataDirectory, 'log.jsonl')
  let file = openSync(path, 'a')
  let size = fstatSync(file).size

  const turnOver = () => {
    closeSync(file)
    for (let age = FILES - 1; age > 0; age--) renameIfThere(age === 1 ? path : `${path}.${age - 1}`, `${path}.${age}`)
    file = openSync(path, 'a')
    size = 0
  }

  return {
    capability: 'wascc:logging',
    operations: ['WriteLog'],
    invoke({ actor, binding, operation, payload }) {
      if (operation !== 'WriteLog')
        throw new ProviderRefusal('provider/unknown-operation', `Expected WriteLog, found ${operation}`)
      const request = new Request(payload)
      const level = LEVELS[request.integer('level')]
      if (level === undefined)
        throw new ProviderRefusal(
          'provider/malformed-payload',
          `Expected a level from 0 to 5, found ${request.integer('level')}`,
        )
      const body = request.text('body').slice(0, BODY_CHARACTERS)
      const line = Buffer.from(`${JSON.stringify({ time: new Date().toISOString(), actor, binding, level, body })}\n`)
      if (size + line.length > FILE_BYTES) turnOver()
      writeSync(file, line)
      size += line.length
      return new Uint8Array(0)
    },
    close: () => closeSync(file),
  }
}

export default create

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
