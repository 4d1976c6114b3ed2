import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { ProviderRefusal } from '../../provider.ts'
import { createReadBudget } from './read-budget.ts'
import type { Store } from './store.ts'
import { sumOf } from './sum.ts'

/** Rows by table, what they weigh, and the sum by actor, which triggers keep. */
const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA busy_timeout = 2000;
  CREATE TABLE IF NOT EXISTS texts(space TEXT, key TEXT, value BLOB, expires INTEGER, PRIMARY KEY(space, key)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS texts_by_expiry ON texts(expires) WHERE expires > 0;
  CREATE TABLE IF NOT EXISTS items(id INTEGER PRIMARY KEY, space TEXT, key TEXT, value TEXT);
  CREATE INDEX IF NOT EXISTS items_by_key ON items(space, key, id);
  CREATE TABLE IF NOT EXISTS members(space TEXT, key TEXT, value TEXT, PRIMARY KEY(space, key, value)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS usage(actor TEXT PRIMARY KEY, bytes INTEGER) WITHOUT ROWID;
`
const TABLES = ['texts', 'items', 'members'] as const
/** What a row weighs beside its texts and bytes. */
const ROW_BYTES = 64
/** What has expired goes with the writes that follow, so much with each: whoever let it pile up must not hold up all others. */
const MOST_PURGED = 10_000

/**
 * Key-value on SQLite. Every write is a transaction of its own, which is there whole or not at all after a crash of the process.
 * @param quotaBytes what all rows of one actor may weigh
 */
export function openSqliteStore(path: string, quotaBytes: number): Store {
  const database = new DatabaseSync(path)
  database.exec(SCHEMA + TABLES.map(triggersOf).join('\n'))
  const one = (sql: string) => database.prepare(sql)
  const used = one('SELECT bytes FROM usage WHERE actor = ?')

  const write = <T>(work: () => T): T => {
    database.exec('BEGIN IMMEDIATE')
    try {
      const answer = work()
      database.exec('COMMIT')
      return answer
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }
  /** A write after which an actor may have more than before. */
  const grow = <T>(space: string, work: () => T): T =>
    write(() => {
      const answer = work()
      const bytes = Number(used.get(JSON.parse(space)[0])?.['bytes'] ?? 0)
      if (bytes <= quotaBytes) return answer
      throw new ProviderRefusal(
        'provider/quota-exceeded',
        `Expected at most ${quotaBytes} bytes of one actor, found ${bytes}; delete something first`,
      )
    })

  const find = one('SELECT value FROM texts WHERE space = ? AND key = ? AND (expires = 0 OR expires > ?)')
  const put = one(`INSERT INTO texts VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET value = excluded.value, expires = excluded.expires`)
  const putSum = one('UPDATE texts SET value = ? WHERE space = ? AND key = ?')
  const purge = one(`DELETE FROM texts WHERE (space, key) IN
    (SELECT space, key FROM texts WHERE expires BETWEEN 1 AND ? LIMIT ${MOST_PURGED})`)
  const page = one(
    `SELECT key AS value FROM texts WHERE space = ? AND (expires = 0 OR expires > ?) ORDER BY key LIMIT ? OFFSET ?`,
  )
  const removals = TABLES.map((table) => one(`DELETE FROM ${table} WHERE space = ? AND key = ?`))
  const has = one(`SELECT EXISTS(SELECT 1 FROM items WHERE space = ?1 AND key = ?2)
    OR EXISTS(SELECT 1 FROM members WHERE space = ?1 AND key = ?2) AS found`)
  const push = one('INSERT INTO items(space, key, value) VALUES (?, ?, ?)')
  const count = one('SELECT count(*) AS n FROM items WHERE space = ? AND key = ?')
  const removeItems = one('DELETE FROM items WHERE space = ? AND key = ? AND value = ?')
  const range = one('SELECT value FROM items WHERE space = ? AND key = ? ORDER BY id LIMIT ? OFFSET ?')
  const addMember = one('INSERT OR IGNORE INTO members VALUES (?, ?, ?)')
  const removeMember = one('DELETE FROM members WHERE space = ? AND key = ? AND value = ?')
  const members = one('SELECT value FROM members WHERE space = ? AND key = ?')
  const size = one('SELECT count(*) AS n FROM members WHERE space = ? AND key = ?')

  const get = (space: string, key: string) => find.get(space, key, Date.now())?.['value'] as Uint8Array | undefined
  const length = (space: string, key: string) => Number(count.get(space, key)?.['n'])
  const texts = (rows: Iterable<Record<string, SQLOutputValue>>, within = createReadBudget()) =>
    Array.from(rows, (row) => within(row['value'] as string))

  return {
    get: (space, keys) => {
      const within = createReadBudget()
      return keys.map((key) => within(get(space, key)))
    },
    set: (space, entries, seconds) => {
      // Of its own, so that it stays done when the write that follows is refused.
      write(() => purge.run(Date.now()))
      grow(space, () => {
        const expires = seconds > 0 ? Date.now() + seconds * 1000 : 0
        for (const [key, value] of entries) put.run(space, key, value, expires)
      })
    },
    add: (space, key, delta, bounds) =>
      grow(space, () => {
        const before = get(space, key)
        const sum = sumOf(key, before, delta, bounds)
        if (before === undefined) put.run(space, key, Buffer.from(String(sum)), 0)
        else putSum.run(Buffer.from(String(sum)), space, key)
        return sum
      }),
    swap: (space, key, expected, value) =>
      grow(space, () => {
        const before = get(space, key)
        const same =
          expected === undefined || before === undefined ? expected === before : !Buffer.compare(before, expected)
        if (same) put.run(space, key, value, 0)
        return same
      }),
    delete: (space, keys) =>
      write(() => {
        for (const key of keys) removals[0]!.run(space, key)
      }),
    remove: (space, key) =>
      write(() => {
        for (const removal of removals) removal.run(space, key)
      }),
    exists: (space, key) => get(space, key) !== undefined || has.get(space, key)?.['found'] === 1,
    keys: (space, from, most) => {
      const keys = texts(page.iterate(space, Date.now(), most, from))
      return { keys, next: keys.length === most ? from + most : undefined }
    },
    push: (space, key, item) =>
      grow(space, () => {
        push.run(space, key, item)
        return length(space, key)
      }),
    range: (space, key, start, stop) => {
      const total = length(space, key)
      const at = (index: number) => (index < 0 ? total + index : index)
      const first = Math.max(0, at(start))
      const last = Math.min(total - 1, at(stop))
      return texts(range.iterate(space, key, Math.max(0, last - first + 1), first))
    },
    removeItems: (space, key, item) =>
      write(() => {
        removeItems.run(space, key, item)
        return length(space, key)
      }),
    clear: (space, key) => write(() => void removals[1]!.run(space, key)),
    addMember: (space, key, member) =>
      grow(space, () => {
        addMember.run(space, key, member)
        return Number(size.get(space, key)?.['n'])
      }),
    removeMember: (space, key, member) =>
      write(() => {
        removeMember.run(space, key, member)
        return Number(size.get(space, key)?.['n'])
      }),
    members: (space, keys) => {
      const within = createReadBudget()
      return keys.map((key) => texts(members.iterate(space, key), within))
    },
    close: () => database.close(),
  }
}

function triggersOf(table: (typeof TABLES)[number]): string {
  const weight = (row: string) =>
    `${ROW_BYTES} + octet_length(${row}.space) + octet_length(${row}.key) + octet_length(${row}.value)`
  const on = (event: string, row: string, change: string) => `
    CREATE TRIGGER IF NOT EXISTS ${table}_${event} AFTER ${event} ON ${table} BEGIN
      INSERT INTO usage VALUES (json_extract(${row}.space, '$[0]'), ${change})
      ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes;
    END;`
  return (
    on('INSERT', 'NEW', weight('NEW')) +
    on('DELETE', 'OLD', `-(${weight('OLD')})`) +
    on('UPDATE', 'NEW', 'octet_length(NEW.value) - octet_length(OLD.value)')
  )
}
