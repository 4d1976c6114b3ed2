import { randomInt, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Packable } from '@teapot-network/host/message-pack'
import { type CreateProvider, type Operation, type ProviderCall, ProviderRefusal } from '../provider.ts'
import { type Request, wascc } from './request.ts'

const UINT32 = 2 ** 32 - 1
const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA busy_timeout = 2000;
  CREATE TABLE IF NOT EXISTS sequences(space TEXT PRIMARY KEY, last INTEGER) WITHOUT ROWID;
`

/**
 * `wascc:extras`: a GUID (version 4), a random number from `min` up to, but without, `max`, and the next number of a sequence of
 * the actor's binding, which begins at 1 and goes on after a restart. Grant `node:sqlite`.
 */
const create: CreateProvider = ({ dataDirectory }) => {
  const database = new DatabaseSync(join(dataDirectory, 'extras.sqlite'))
  database.exec(SCHEMA)
  const next = database.prepare(`
    INSERT INTO sequences VALUES (?, 1) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last`)
  const sequence = ({ actor, binding }: ProviderCall) => Number(next.get(JSON.stringify([actor, binding]))?.['last'])
  return {
    capabilities: {
      'wascc:extras': {
        RequestGuid: generator(() => ({ guid: randomUUID() })),
        RequestSequence: generator((_, call) => ({ sequenceNumber: sequence(call) })),
        RequestRandom: generator((request) => ({ randomNumber: randomNumber(request) })),
      },
    },
    close: () => database.close(),
  }
}

export default create

/** The three share a request, and an answer in which only its own field is filled. */
function generator(make: (request: Request, call: ProviderCall) => Record<string, Packable>): Operation {
  const fields = ['guid', 'sequence', 'random', 'min', 'max']
  return wascc(fields, (request, call) => ({
    ...{ guid: null, sequenceNumber: 0, randomNumber: 0 },
    ...make(request, call),
  }))
}

function randomNumber(request: Request): number {
  const [min, max] = [request.natural('min', UINT32), request.natural('max', UINT32)]
  if (min < max) return randomInt(min, max)
  throw new ProviderRefusal('provider/malformed-payload', `Expected min below max, found ${min} and ${max}`)
}
