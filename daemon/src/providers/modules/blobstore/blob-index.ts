import { DatabaseSync } from 'node:sqlite'
import { ProviderRefusal } from '../../provider.ts'

/**
 * What is known of objects: whole ones and those still being uploaded. `usage` is kept by triggers. `doomed` are blocks that
 * nothing needs any more and that the daemon has yet to drop. No id comes twice: what is being uploaded may have been replaced.
 * What an object holds so far is kept by triggers too, so that a chunk costs the same however many came before it.
 */
const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA busy_timeout = 2000;
  PRAGMA foreign_keys = ON;
  CREATE TABLE IF NOT EXISTS containers(
    id INTEGER PRIMARY KEY AUTOINCREMENT, actor TEXT, binding TEXT, name TEXT, created INTEGER, UNIQUE(actor, binding, name));
  CREATE TABLE IF NOT EXISTS objects(
    id INTEGER PRIMARY KEY AUTOINCREMENT, container INTEGER REFERENCES containers ON DELETE CASCADE, name TEXT,
    whole INTEGER, size INTEGER, key BLOB, created INTEGER, UNIQUE(container, name, whole));
  CREATE TABLE IF NOT EXISTS pieces(
    object INTEGER REFERENCES objects ON DELETE CASCADE, seq INTEGER, part INTEGER, size INTEGER, cid TEXT,
    PRIMARY KEY(object, seq, part)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS held(
    object INTEGER PRIMARY KEY REFERENCES objects ON DELETE CASCADE, pieces INTEGER, bytes INTEGER);
  CREATE TRIGGER IF NOT EXISTS held_more AFTER INSERT ON pieces BEGIN
    INSERT INTO held VALUES (NEW.object, 1, NEW.size)
    ON CONFLICT DO UPDATE SET pieces = pieces + 1, bytes = bytes + excluded.bytes;
  END;
  CREATE TRIGGER IF NOT EXISTS held_less AFTER DELETE ON pieces BEGIN
    UPDATE held SET pieces = pieces - 1, bytes = bytes - OLD.size WHERE object = OLD.object;
  END;
  INSERT OR IGNORE INTO held SELECT object, count(*), sum(size) FROM pieces GROUP BY object;
  CREATE TABLE IF NOT EXISTS usage(actor TEXT PRIMARY KEY, bytes INTEGER) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS doomed(cid TEXT PRIMARY KEY) WITHOUT ROWID;
`
/** What a row weighs beside what it stands for. */
const ROW_BYTES = 256

/** A container's row. */
export interface ContainerRow {
  readonly id: number
  readonly name: string
  /** Seconds since 1970. */
  readonly created: number
}

/** An object's row; `size` is what it has, or is to have when it is whole. */
export interface ObjectRow {
  readonly id: number
  readonly name: string
  readonly size: number
  readonly key: Uint8Array
  readonly created: number
}

/** A stretch of an object, in one block. */
export interface Piece {
  readonly seq: number
  readonly part: number
  readonly size: number
  readonly cid: string
}

/** Pieces, and the bytes in them. */
export interface Held {
  readonly pieces: number
  readonly bytes: number
}

/** Whose containers. */
export interface Owner {
  readonly actor: string
  readonly binding: string
}

/** The index of all objects. Each method is one transaction. */
export class BlobIndex {
  readonly #database: DatabaseSync
  readonly #quotaBytes: number

  /** @param quotaBytes what all objects of one actor may weigh */
  constructor(path: string, quotaBytes: number) {
    this.#database = new DatabaseSync(path)
    this.#quotaBytes = quotaBytes
    const owner = (row: string) => `(SELECT actor FROM containers WHERE id = ${row}.container)`
    const ownerOfPiece = (row: string) =>
      `(SELECT actor FROM containers JOIN objects ON container = containers.id WHERE objects.id = ${row}.object)`
    this.#database.exec(
      SCHEMA +
        triggers(
          'containers',
          (row) => `${row}.actor`,
          () => '0',
        ) +
        triggers('objects', owner, () => '0') +
        triggers('pieces', ownerOfPiece, (row) => `${row}.size`) +
        `CREATE TRIGGER IF NOT EXISTS pieces_doom AFTER DELETE ON pieces BEGIN INSERT OR IGNORE INTO doomed VALUES (OLD.cid); END;`,
    )
  }

  createContainer({ actor, binding }: Owner, name: string): ContainerRow {
    return this.#grow(actor, () => {
      this.#run(
        'INSERT OR IGNORE INTO containers(actor, binding, name, created) VALUES (?, ?, ?, ?)',
        actor,
        binding,
        name,
        now(),
      )
      return this.findContainer({ actor, binding }, name)!
    })
  }

  findContainer({ actor, binding }: Owner, name: string): ContainerRow | undefined {
    return this.#one<ContainerRow>(
      'SELECT * FROM containers WHERE actor = ? AND binding = ? AND name = ?',
      actor,
      binding,
      name,
    )
  }

  deleteContainer(container: ContainerRow): void {
    this.#write(() => {
      this.#deleteObjects(container)
      this.#run('DELETE FROM containers WHERE id = ?', container.id)
    })
  }

  clear(container: ContainerRow): void {
    this.#write(() => this.#deleteObjects(container))
  }

  /** Whole objects by name. */
  list(container: ContainerRow, from: number, count: number): ObjectRow[] {
    const sql = 'SELECT * FROM objects WHERE container = ? AND whole = 1 ORDER BY name LIMIT ? OFFSET ?'
    return this.#database.prepare(sql).all(container.id, count, from) as unknown as ObjectRow[]
  }

  findObject(container: ContainerRow, name: string, whole = true): ObjectRow | undefined {
    const sql = 'SELECT * FROM objects WHERE container = ? AND name = ? AND whole = ?'
    return this.#one<ObjectRow>(sql, container.id, name, whole ? 1 : 0)
  }

  /** Begins an upload in place of one that was not finished. */
  begin(actor: string, container: ContainerRow, name: string, size: number, key: Uint8Array): ObjectRow {
    return this.#grow(
      actor,
      () => {
        const before = this.findObject(container, name, false)
        if (before !== undefined) this.#deleteObject(before)
        const sql = 'INSERT INTO objects(container, name, whole, size, key, created) VALUES (?, ?, 0, ?, ?, ?)'
        this.#run(sql, container.id, name, size, key, now())
        return this.findObject(container, name, false)!
      },
      size,
    )
  }

  /** Adds pieces, in place of those of the same number. @returns whether the upload is still there */
  add(actor: string, object: ObjectRow, pieces: readonly Piece[]): boolean {
    return this.#grow(actor, () => {
      if (this.#one('SELECT id FROM objects WHERE id = ?', object.id) === undefined) {
        for (const { cid } of pieces) this.#run('INSERT OR IGNORE INTO doomed VALUES (?)', cid)
        return false
      }
      for (const { seq } of pieces) this.#run('DELETE FROM pieces WHERE object = ? AND seq = ?', object.id, seq)
      for (const { seq, part, size, cid } of pieces)
        this.#run('INSERT INTO pieces VALUES (?, ?, ?, ?, ?)', object.id, seq, part, size, cid)
      return true
    })
  }

  /** In the order of their bytes. */
  pieces(object: ObjectRow): Piece[] {
    const sql = 'SELECT seq, part, size, cid FROM pieces WHERE object = ? ORDER BY seq, part'
    return this.#database.prepare(sql).all(object.id) as unknown as Piece[]
  }

  /** What is there of an object. */
  held({ id }: ObjectRow): Held {
    return this.#one<Held>('SELECT pieces, bytes FROM held WHERE object = ?', id) ?? { pieces: 0, bytes: 0 }
  }

  /** What is there of one of its chunks. */
  heldOf({ id }: ObjectRow, seq: number): Held {
    const sql = 'SELECT count(*) AS pieces, ifnull(sum(size), 0) AS bytes FROM pieces WHERE object = ? AND seq = ?'
    return this.#one<Held>(sql, id, seq)!
  }

  /** Puts an upload, if it is whole and was not started anew, in the place of the object of its name. */
  finish(container: ContainerRow, upload: ObjectRow): void {
    this.#write(() => {
      const open = this.#one('SELECT id FROM objects WHERE id = ? AND whole = 0', upload.id) !== undefined
      if (!open || this.held(upload).bytes !== upload.size) return
      const before = this.findObject(container, upload.name)
      if (before !== undefined) this.#deleteObject(before)
      this.#run('UPDATE objects SET whole = 1, created = ? WHERE id = ?', now(), upload.id)
    })
  }

  /** Gives an object another name or container, in place of what is there. */
  move(object: ObjectRow, container: ContainerRow, name: string): void {
    this.#write(() => {
      const before = this.findObject(container, name)
      if (before?.id === object.id) return
      if (before !== undefined) this.#deleteObject(before)
      this.#run('UPDATE objects SET container = ?, name = ? WHERE id = ?', container.id, name, object.id)
    })
  }

  deleteObject(object: ObjectRow): void {
    this.#write(() => this.#deleteObject(object))
  }

  doom(cid: string): void {
    this.#run('INSERT OR IGNORE INTO doomed VALUES (?)', cid)
  }

  doomed(): string[] {
    return this.#database
      .prepare('SELECT cid FROM doomed LIMIT 1000')
      .all()
      .map((row) => row['cid'] as string)
  }

  forget(cid: string): void {
    this.#run('DELETE FROM doomed WHERE cid = ?', cid)
  }

  close(): void {
    this.#database.close()
  }

  // By hand, since a cascade runs when the triggers no longer find whose it was.
  #deleteObjects(container: ContainerRow): void {
    this.#run('DELETE FROM pieces WHERE object IN (SELECT id FROM objects WHERE container = ?)', container.id)
    this.#run('DELETE FROM objects WHERE container = ?', container.id)
  }

  #deleteObject({ id }: ObjectRow): void {
    this.#run('DELETE FROM pieces WHERE object = ?', id)
    this.#run('DELETE FROM objects WHERE id = ?', id)
  }

  #run(sql: string, ...values: (string | number | Uint8Array)[]): void {
    this.#database.prepare(sql).run(...values)
  }

  #one<Row>(sql: string, ...values: (string | number)[]): Row | undefined {
    return this.#database.prepare(sql).get(...values) as Row | undefined
  }

  /** A write after which an actor may have more, or means to have so much more. */
  #grow<T>(actor: string, work: () => T, moreBytes = 0): T {
    return this.#write(() => {
      const answer = work()
      const used = this.#one<{ bytes: number }>('SELECT bytes FROM usage WHERE actor = ?', actor)?.bytes ?? 0
      if (used + moreBytes <= this.#quotaBytes) return answer
      throw new ProviderRefusal(
        'provider/quota-exceeded',
        `Expected at most ${this.#quotaBytes} bytes of one actor, found ${used + moreBytes}; delete something first`,
      )
    })
  }

  #write<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const answer = work()
      this.#database.exec('COMMIT')
      return answer
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }
}

function now(): number {
  return Math.floor(Date.now() / 1000)
}

function triggers(table: string, actorOf: (row: string) => string, bytesOf: (row: string) => string): string {
  const on = (event: string, when: string, row: string, sign: string) => `
    CREATE TRIGGER IF NOT EXISTS ${table}_${event} ${when} ${event} ON ${table} BEGIN
      INSERT INTO usage VALUES (${actorOf(row)}, ${sign}(${ROW_BYTES} + ${bytesOf(row)}))
      ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes;
    END;`
  return on('INSERT', 'AFTER', 'NEW', '') + on('DELETE', 'BEFORE', 'OLD', '-')
}
