import { DatabaseSync } from 'node:sqlite'
import { type Address, type Hex, TeapotError } from '@teapot-network/trust'

/** `queued`: no nonce yet; `sent`: signed under a nonce, maybe not mined; `mined`: in a block, kept until no reorg can undo it. */
export type CallState = 'queued' | 'sent' | 'mined'

/** One signed form of a call; a call is signed again, under the same nonce, when its fee turns out too low. */
export interface SignedForm {
  hash: Hex
  raw: Hex
  maxFeePerGas: string
  maxPriorityFeePerGas: string
  gas: string
  /** Milliseconds since 1970. */
  signedAt: number
}

/** A call that was accepted and is not settled beyond doubt. */
export interface QueuedCall {
  id: number
  to: Address
  data: Hex
  /** Wei paid with the call. */
  value: Hex
  /** For people: `nodeRegistry.register`. */
  label: string
  state: CallState
  nonce: number | undefined
  forms: SignedForm[]
  /** The block that holds it, once mined. */
  block: number | undefined
}

/** The queue on disk. Each write is durable when the method returns. */
export interface QueueStore extends Disposable {
  add(call: Pick<QueuedCall, 'to' | 'data' | 'value' | 'label'>): QueuedCall
  /** All calls in the order in which they were added. */
  all(): QueuedCall[]
  update(call: QueuedCall): void
  remove(id: number): void
}

type Row = {
  id: number
  target: string
  data: string
  value: string
  label: string
  state: string
  nonce: number | null
  forms: string
  block: number | null
}

/**
 * Opens the queue of one key, and holds the file's lock until disposed: the operating system frees it even after kill -9.
 * @throws TeapotError `ledger/queue-locked` while another queue, in this process or another, has the file open;
 *   `ledger/queue-unreadable` when the file is no queue, or one of another key or chain
 */
export function openQueueStore(file: string, owner: { chainId: number; address: Address }): QueueStore {
  const database = openLocked(file)
  try {
    prepare(database, file, `${owner.chainId} ${owner.address}`)
  } catch (cause) {
    database.close()
    throw cause instanceof TeapotError ? cause : unreadable(file, 'a queue', (cause as Error).message, cause)
  }
  const insert = database.prepare('INSERT INTO calls (target, data, value, label) VALUES (?, ?, ?, ?) RETURNING *')
  const select = database.prepare('SELECT * FROM calls ORDER BY id')
  const change = database.prepare('UPDATE calls SET state = ?, nonce = ?, forms = ?, block = ? WHERE id = ?')
  const erase = database.prepare('DELETE FROM calls WHERE id = ?')
  return {
    add: ({ to, data, value, label }) => fromRow(insert.get(to, data, value, label) as Row),
    all: () => (select.all() as Row[]).map(fromRow),
    update: ({ id, state, nonce, forms, block }) =>
      void change.run(state, nonce ?? null, JSON.stringify(forms), block ?? null, id),
    remove: (id) => void erase.run(id),
    [Symbol.dispose]: () => database.close(),
  }
}

function openLocked(file: string): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { timeout: 0 })
    database.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE; COMMIT',
    )
    return database
  } catch (cause) {
    database?.close()
    if (!/locked|busy/i.test((cause as Error).message))
      throw unreadable(file, 'a queue', (cause as Error).message, cause)
    const message = `Expected to be the only writer with ${file}, found it in use. Stop the other process of this key.`
    throw new TeapotError('ledger/queue-locked', message, { cause })
  }
}

function prepare(database: DatabaseSync, file: string, owner: string): void {
  database.exec(`
    CREATE TABLE IF NOT EXISTS owner (name TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS calls (
      id INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, data TEXT NOT NULL, value TEXT NOT NULL, label TEXT NOT NULL,
      state TEXT NOT NULL DEFAULT 'queued', nonce INTEGER, forms TEXT NOT NULL DEFAULT '[]', block INTEGER
    )`)
  const found = database.prepare('SELECT name FROM owner').get()?.['name']
  if (found === undefined) database.prepare('INSERT INTO owner VALUES (?)').run(owner)
  else if (found !== owner) throw unreadable(file, `the queue of chain and key ${owner}`, String(found), undefined)
}

function fromRow(row: Row): QueuedCall {
  return {
    id: row.id,
    to: row.target as Address,
    data: row.data as Hex,
    value: row.value as Hex,
    label: row.label,
    state: row.state as CallState,
    nonce: row.nonce ?? undefined,
    forms: JSON.parse(row.forms) as SignedForm[],
    block: row.block ?? undefined,
  }
}

function unreadable(file: string, expected: string, found: string, cause: unknown): TeapotError {
  const message = `Cannot use ${file}: expected ${expected}, found ${found}. Give each key and chain a file of its own.`
  return new TeapotError('ledger/queue-unreadable', message, { cause })
}
