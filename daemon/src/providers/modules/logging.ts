import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type CreateProvider, type ProviderCall, ProviderRefusal } from '../provider.ts'
import { wascc, wasi } from './request.ts'

const FILE_BYTES = 1 << 20
const FILES = 4
const BODY_CHARACTERS = 8_192
const WASCC_LEVELS = ['off', 'error', 'warn', 'info', 'debug', 'trace']
const WASI_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'critical']

/** `wascc:logging` and `wasi:logging`: each line is one of JSON in `log.jsonl`, which is kept small by turning it over. */
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
  const write = ({ actor, binding }: ProviderCall, told: { level: string; context?: string; body: string }) => {
    const time = new Date().toISOString()
    const body = told.body.slice(0, BODY_CHARACTERS)
    const context = told.context && { context: told.context.slice(0, BODY_CHARACTERS) }
    const line = Buffer.from(`${JSON.stringify({ time, actor, binding, level: told.level, ...context, body })}\n`)
    if (size + line.length > FILE_BYTES) turnOver()
    writeSync(file, line)
    size += line.length
  }

  const writeLog = wascc(['level', 'body'], (request, call) => {
    const level = WASCC_LEVELS[request.integer('level')]
    if (level === undefined) throw badLevel('0 to 5', request.integer('level'))
    write(call, { level, body: request.text('body') })
    return {}
  })
  return {
    capabilities: {
      'wascc:logging': {
        WriteLog: async (call) => {
          await writeLog(call)
          return new Uint8Array(0)
        },
      },
      'wasi:logging': {
        'logging.log': wasi(['level', 'context', 'message'], (request, call) => {
          const level = request.text('level')
          if (!WASI_LEVELS.includes(level)) throw badLevel(WASI_LEVELS.join(', '), level.slice(0, 20))
          write(call, { level, context: request.text('context'), body: request.text('message') })
        }),
      },
    },
    close: () => closeSync(file),
  }
}

export default create

function badLevel(expected: string, found: string | number): ProviderRefusal {
  return new ProviderRefusal('provider/malformed-payload', `Expected a level of ${expected}, found ${found}`)
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
