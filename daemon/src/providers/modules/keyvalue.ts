import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type CreateProvider, type ProviderCall, ProviderRefusal } from '../provider.ts'
import { Request, respond } from './request.ts'

type Operation = (space: string, request: Request) => Record<string, unknown>

const INT_MAX = 2 ** 31

/**
 * `wascc:keyvalue` on SQLite: texts (with an expiry, and as numbers), lists and sets, each in a name space of its own per
 * actor and binding. Every operation is one transaction.
 */
const create: CreateProvider = ({ dataDirectory }) => {
  const database = new DatabaseSync(join(dataDirectory, 'keyvalue.sqlite'))
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA busy_timeout = 2000;
    CREATE TABLE IF NOT EXISTS texts(space TEXT, key TEXT, value TEXT, expires INTEGER, PRIMARY KEY(space, key)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS items(id INTEGER PRIMARY KEY, space TEXT, key TEXT, value TEXT);
    CREATE INDEX IF NOT EXISTS items_by_key ON items(space, key, id);
    CREATE TABLE IF NOT EXISTS members(space TEXT, key TEXT, value TEXT, PRIMARY KEY(space, key, value)) WITHOUT ROWID;
  `)
  const operations = new Map(
    Object.entries({ ...textOperations(database), ...listOperations(database), ...setOperations(database) }),
  )

  return {
    capability: 'wascc:keyvalue',
    operations: [...operations.keys()],
    invoke({ actor, binding, operation, payload }: ProviderCall) {
      const run = operations.get(operation)
      if (run === undefined)
        throw new ProviderRefusal(
          'provider/unknown-operation',
          `Expected one of ${[...operations.keys()].join(', ')}, found ${operation}`,
        )
      const request = new Request(payload)
      database.exec('BEGIN IMMEDIATE')
      try {
        const answer = run(JSON.stringify([actor, binding]), request)
        database.exec('COMMIT')
        return respond(answer)
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
    },
    close: () => database.close(),
  }
}

export default create

function textOperations(database: DatabaseSync): Record<string, Operation> {
  const find = database.prepare('SELECT value FROM texts WHERE space = ? AND key = ? AND (expires = 0 OR expires > ?)')
  const put = database.prepare('INSERT OR REPLACE INTO texts VALUES (?, ?, ?, ?)')
  const add = database.prepare('UPDATE texts SET value = ? WHERE space = ? AND key = ?')
  const purge = database.prepare('DELETE FROM texts WHERE space = ? AND expires BETWEEN 1 AND ?')
  const removals = ['texts', 'items', 'members'].map((table) =>
    database.prepare(`DELETE FROM ${table} WHERE space = ? AND key = ?`),
  )
  const value = (space: string, key: string) => find.get(space, key, Date.now())?.['value'] as string | undefined
  const exists = (found: string | undefined) => ({ value: found ?? '', exists: found !== undefined })
  return {
    Get: (space, request) => exists(value(space, request.text('key'))),
    KeyExists: (space, request) => ({ value: '', exists: value(space, request.text('key')) !== undefined }),
    Set: (space, request) => {
      const text = request.text('value')
      const seconds = request.integer('expires')
      purge.run(space, Date.now())
      put.run(space, request.text('key'), text, seconds > 0 ? Date.now() + seconds * 1000 : 0)
      return { value: text }
    },
    Add: (space, request) => {
      const key = request.text('key')
      const before = value(space, key)
      const sum = Number(before ?? '0') + request.integer('value')
      if (!Number.isInteger(sum) || sum < -INT_MAX || sum >= INT_MAX)
        throw new ProviderRefusal(
          'provider/not-a-number',
          `Expected the sum under ${key} to be a whole number of 32 bits, found ${sum}`,
        )
      if (before === undefined) put.run(space, key, String(sum), 0)
      else add.run(String(sum), space, key)
      return { value: sum }
    },
    Del: (space, request) => {
      const key = request.text('key')
      for (const removal of removals) removal.run(space, key)
      return { key }
    },
  }
}

function listOperations(database: DatabaseSync): Record<string, Operation> {
  const push = database.prepare('INSERT INTO items(space, key, value) VALUES (?, ?, ?)')
  const count = database.prepare('SELECT count(*) AS n FROM items WHERE space = ? AND key = ?')
  const clear = database.prepare('DELETE FROM items WHERE space = ? AND key = ?')
  const remove = database.prepare('DELETE FROM items WHERE space = ? AND key = ? AND value = ?')
  const range = database.prepare('SELECT value FROM items WHERE space = ? AND key = ? ORDER BY id LIMIT ? OFFSET ?')
  const length = (space: string, key: string) => Number(count.get(space, key)?.['n'])
  return {
    Push: (space, request) => {
      push.run(space, request.text('key'), request.text('value'))
      return { newCount: length(space, request.text('key')) }
    },
    Range: (space, request) => {
      const total = length(space, request.text('key'))
      const at = (index: number) => (index < 0 ? total + index : index)
      const first = Math.max(0, at(request.integer('start')))
      const last = Math.min(total - 1, at(request.integer('stop')))
      const rows = range.all(space, request.text('key'), Math.max(0, last - first + 1), first)
      return { values: rows.map((row) => row['value']) }
    },
    ListItemDelete: (space, request) => {
      remove.run(space, request.text('key'), request.text('value'))
      return { newCount: length(space, request.text('key')) }
    },
    Clear: (space, request) => {
      clear.run(space, request.text('key'))
      return { newCount: 0 }
    },
  }
}

function setOperations(database: DatabaseSync): Record<string, Operation> {
  const add = database.prepare('INSERT OR IGNORE INTO members VALUES (?, ?, ?)')
  const remove = database.prepare('DELETE FROM members WHERE space = ? AND key = ? AND value = ?')
  const query = database.prepare('SELECT value FROM members WHERE space = ? AND key = ? ORDER BY value')
  const members = (space: string, key: string) => query.all(space, key).map((row) => row['value'] as string)
  return {
    SetAdd: (space, request) => {
      add.run(space, request.text('key'), request.text('value'))
      return { newCount: members(space, request.text('key')).length }
    },
    SetRemove: (space, request) => {
      remove.run(space, request.text('key'), request.text('value'))
      return { newCount: members(space, request.text('key')).length }
    },
    SetQuery: (space, request) => ({ values: members(space, request.text('key')) }),
    SetUnion: (space, request) => ({
      values: [...new Set(request.texts('keys').flatMap((key) => members(space, key)))].sort(byBytes),
    }),
    SetIntersection: (space, request) => {
      const [first = [], ...others] = request.texts('keys').map((key) => members(space, key))
      return { values: first.filter((value) => others.every((set) => set.includes(value))) }
    },
  }
}

/** The order in which SQLite gives texts. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
