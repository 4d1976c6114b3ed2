import { type KeyObject, randomFillSync } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type CheckpointSummary, type Digest, type NodeId, SALT_BYTES, TeapotError, toHex } from '@teapot-network/trust'
import { encodeCheckpoint } from '@teapot-network/trust/encode'
import { Batch } from './batch.ts'
import { pointOf, signCheckpoint } from './checkpoint-key.ts'
import { ClaimsTemplate, type ResultClaims, type SharedClaims } from './claims-template.ts'
import { type BatchFrame, LEAF_HEAD } from './frames.ts'
import { lockFolder } from './lock.ts'
import { diskFull, isDiskFull, logFailed, noSuchLog, noSuchSize, unknownId } from './log-errors.ts'
import { type LogHead, type LogSigner, LogStore, type Sealed } from './log-store.ts'
import { ReceiptBuilder } from './receipt-builder.ts'
import { hashLeaf } from './recovery.ts'
import { syncFolder } from './segment.ts'

const MAX_CLAIMS_BYTES = 0xffff
const SALT_POOL_BYTES = 256 * SALT_BYTES
const SEGMENT_BYTES = 16 << 20

/** What a receipt log is opened with. */
export interface ReceiptLogOptions {
  /** Folder of all receipt logs of this machine; each log number has its own beneath. */
  dir: string
  node: NodeId
  /** Log number, from the TPM's NV counter. */
  log: number
  run: Digest
  /** Private P-256 key of the run. */
  receiptKey: KeyObject
  /** Checkpoints known from elsewhere (a quote, a peer): a log that doesn't contain each is refused. */
  known?: readonly CheckpointSummary[]
  /** Called once when the log can't be made durable any more: the process has to end. */
  onFault?: (error: TeapotError) => void
  /** Size after which the journal goes on in a new file; 16 MiB. */
  segmentBytes?: number
}

/** A result as the log took it in. */
export interface Recorded {
  /** Under which the receipt can be asked for; holds the salt, so that it can't be guessed. */
  id: string
  claims: Uint8Array
  salt: Uint8Array
}

/** A result with its receipt, durable. */
export interface Issued extends Recorded {
  receipt: Uint8Array
}

interface Waiter {
  index: number
  start: number
  end: number
  resolve: (issued: Issued) => void
  reject: (error: TeapotError) => void
}

/**
 * Opens the receipt log of a node, or goes on with it in a new run: cuts an unfinished tail and signs a first checkpoint
 * with the run's key.
 * @throws TeapotError `receipts/log-damaged`, `receipts/log-behind`, `receipts/log-in-use`, `receipts/bad-key`,
 * `receipts/disk-full`, `receipts/log-failed`
 */
export async function openReceiptLog(options: ReceiptLogOptions): Promise<ReceiptLog> {
  const log = new ReceiptLog(options)
  try {
    await log.checkpointNow()
  } catch (error) {
    await log[Symbol.asyncDispose]()
    throw error
  }
  return log
}

/**
 * The append-only log of one node's results (spec/proof.md §6). Checkpoints are made by back-pressure: while one is on its
 * way to the disk, results gather for the next. Nothing leaves before its checkpoint is durable.
 */
export class ReceiptLog implements AsyncDisposable {
  readonly #options: ReceiptLogOptions
  readonly #dir: string
  readonly #signer: LogSigner
  readonly #lock: Disposable
  readonly #builder = new ReceiptBuilder()
  readonly #salts = Buffer.alloc(SALT_POOL_BYTES)
  #saltAt = SALT_POOL_BYTES
  #store: LogStore
  #batch = new Batch<Waiter>()
  #head: LogHead | undefined
  #busy = false
  #scheduled = false
  /** Why the last batch was refused. */
  #refused: TeapotError | undefined
  /** Why nothing more is taken in. */
  #stopped: TeapotError | undefined
  #settled: (() => void)[] = []

  /** Use {@link openReceiptLog}. */
  constructor(options: ReceiptLogOptions) {
    const { dir, node, log, run, receiptKey, known = [] } = options
    this.#options = options
    this.#dir = join(dir, String(log))
    const sign = (protectedBytes: Uint8Array, root: Uint8Array) => signCheckpoint(receiptKey, protectedBytes, root)
    this.#signer = { node, log, run, point: pointOf(receiptKey), sign }
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 })
    for (const folder of [dir, join(dir, '..')]) syncFolder(folder)
    this.#lock = lockFolder(this.#dir)
    let store: LogStore | undefined
    try {
      store = new LogStore(this.#dir, this.#signer)
      for (const checkpoint of known) store.requireContains(checkpoint)
      store.beginRun()
      this.#store = store
    } catch (error) {
      store?.[Symbol.dispose]()
      this.#lock[Symbol.dispose]()
      throw isDiskFull(error) ? diskFull(error) : error
    }
  }

  /** Encodes the claims that many results share. Make a new one when the evidence or the recent block changes. */
  template(shared: Omit<SharedClaims, 'node' | 'run'>): ClaimsTemplate {
    return new ClaimsTemplate({ ...shared, node: this.#options.node, run: this.#options.run })
  }

  /**
   * Takes a result in and answers with its receipt once that is durable.
   * @throws TeapotError `receipts/disk-full` (try again later), `receipts/log-failed`, `receipts/closed`, `receipts/claims-too-long`
   */
  issue(template: ClaimsTemplate, result: ResultClaims): Promise<Issued> {
    return new Promise((resolve, reject) => {
      const { index, start, end } = this.#take(template, result)
      this.#batch.waiters.push({ index, start, end, resolve, reject })
    })
  }

  /** As {@link issue}, and tells at once what was recorded: for results that others name. Throws what {@link issue} rejects with at once. */
  take(template: ClaimsTemplate, result: ResultClaims): { recorded: Recorded; issued: Promise<Issued> } {
    const { index, start, end } = this.#take(template, result)
    const recorded = this.#recorded(index, Buffer.from(this.#batch.record.subarray(start, end)))
    const { waiters } = this.#batch
    return {
      recorded,
      issued: new Promise((resolve, reject) => waiters.push({ index, start, end, resolve, reject })),
    }
  }

  /**
   * Takes a result in and answers at once; {@link receipt} has the receipt as soon as it is durable.
   * @throws TeapotError as {@link issue}, except that a full disk shows only as an id that is not known
   */
  issueLater(template: ClaimsTemplate, result: ResultClaims): Recorded {
    const { index, start, end } = this.#take(template, result)
    return this.#recorded(index, Buffer.from(this.#batch.record.subarray(start, end)))
  }

  /**
   * The receipt under an id that this log gave out, in this run or an earlier one; waits until it is durable.
   * @param options `size` asks for the receipt under the first checkpoint of that many leaves, not the one that the result came with
   * @throws TeapotError `receipts/unknown-id`, `receipts/no-such-log`, `receipts/no-such-size`, `receipts/log-failed`, `receipts/log-damaged`;
   *   what `signal` was aborted with
   */
  async receipt(id: string, { signal, size }: { signal?: AbortSignal; size?: number } = {}): Promise<Issued> {
    const { index, salt } = this.#parseId(id)
    while (index >= this.checkpoint().size) {
      if (this.#stopped) throw this.#stopped
      if (index >= this.#nextIndex) throw unknownId(id)
      await this.#nextSettled()
      signal?.throwIfAborted()
    }
    const { batch, bytes } = await this.#store.find(index + 1, signal)
    const leaf = batch.leaves[index - (batch.header.size - batch.leaves.length)]
    if (!leaf || !bytes.subarray(leaf.start, leaf.start + SALT_BYTES).equals(salt)) throw unknownId(id)
    if (size !== undefined && size <= index) throw noSuchSize(`a receipt of leaf ${index} at size ${size}`, index + 1)
    const { header, protectedBytes, signature } = size === undefined ? batch : await this.#signedAt(size, signal)
    const out = Buffer.alloc(ReceiptBuilder.sizeOf(header.size, protectedBytes))
    const checkpoint = { size: header.size, protectedBytes, signature }
    const end = this.#builder.write(out, 0, this.#store.tree, index, checkpoint)
    return {
      ...this.#recorded(index, Buffer.from(bytes.subarray(leaf.start, leaf.end))),
      receipt: out.subarray(0, end),
    }
  }

  /** The last durable checkpoint. */
  checkpoint(): LogHead {
    return this.#head!
  }

  /**
   * The first checkpoint that was signed over exactly `size` leaves, as a COSE_Sign1.
   * @throws TeapotError `receipts/no-such-size`, `receipts/log-damaged`
   */
  async checkpointAt(size: number, signal?: AbortSignal): Promise<Uint8Array> {
    const { protectedBytes, signature, root } = await this.#signedAt(size, signal)
    return encodeCheckpoint({ protectedBytes, signature, root: toHex(root) })
  }

  /** Signs a checkpoint of its own, without waiting for a result, and answers once it is durable. */
  async checkpointNow(): Promise<LogHead> {
    while (this.#busy) await this.#nextSettled()
    const before = this.#head
    this.#flush()
    while (this.#busy && this.#head === before) await this.#nextSettled()
    if (this.#head === before) throw this.#stopped ?? this.#refused
    return this.checkpoint()
  }

  /**
   * Hashes that show the tree of `from` leaves to be a prefix of that of `to` leaves (RFC 9162 §2.1.4).
   * @throws TeapotError `receipts/no-such-size`
   */
  consistencyProof(from: number, to: number = this.checkpoint().size): Uint8Array[] {
    const { size } = this.checkpoint()
    if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && 0 <= from && from <= to && to <= size) {
      return this.#store.tree.consistency(from, to)
    }
    throw noSuchSize(`consistency from ${from} to ${to}`, size)
  }

  /** A hash tile of the durable tree, as published (C2SP tlog-tiles); undefined when it has fewer hashes. */
  tile(level: number, index: number, width = 256): Uint8Array | undefined {
    if (index * 256 + width > Math.floor(this.checkpoint().size / 256 ** level)) return undefined
    return this.#store.tree.tile(level, index, width)
  }

  /** Finishes what was taken in, then closes the files. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (!this.#stopped && (this.#busy || this.#scheduled)) await this.#nextSettled()
    if (this.#stopped?.code === 'receipts/closed') return
    this.#stopped = new TeapotError('receipts/closed', 'Cannot issue a receipt: the log is closed', {
      kind: 'unavailable',
    })
    this.#store[Symbol.dispose]()
    this.#lock[Symbol.dispose]()
  }

  async #signedAt(size: number, signal?: AbortSignal): Promise<BatchFrame> {
    const durable = this.checkpoint().size
    const isWithin = Number.isSafeInteger(size) && size >= 0 && size <= durable
    const batch = isWithin ? (await this.#store.find(size, signal)).batch : undefined
    if (batch?.header.size === size) return batch
    throw noSuchSize(`a checkpoint of ${size} leaves`, batch?.header.size ?? durable)
  }

  get #nextIndex(): number {
    return this.#store.tree.size + this.#batch.leaves.length
  }

  /** Writes a leaf into the batch that gathers. */
  #take(template: ClaimsTemplate, result: ResultClaims): { index: number; start: number; end: number } {
    if (this.#stopped) throw this.#stopped
    const bytes = template.sizeOf(result)
    if (bytes > MAX_CLAIMS_BYTES) {
      throw new TeapotError(
        'receipts/claims-too-long',
        `Cannot issue a receipt: expected claims of at most ${MAX_CLAIMS_BYTES} bytes, found up to ${bytes}`,
      )
    }
    const batch = this.#batch
    batch.reserve(LEAF_HEAD + bytes)
    const start = batch.at + 2
    this.#salt(batch.record, start)
    const end = template.write(batch.record, start + SALT_BYTES, result, Math.floor(Date.now() / 1000))
    batch.record.writeUInt16BE(end - start - SALT_BYTES, batch.at)
    batch.at = end
    const index = this.#nextIndex
    batch.leaves.push(hashLeaf(batch.record.subarray(start, end)))
    if (!this.#busy && !this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => this.#flush())
    }
    return { index, start, end }
  }

  /** Makes a checkpoint over what has gathered; builds its receipts while it goes to the disk. */
  #flush(): void {
    this.#scheduled = false
    if (this.#busy || this.#stopped) return
    this.#busy = true
    const batch = this.#batch
    this.#batch = new Batch(Math.ceil(batch.at * 1.25))
    try {
      const sealed = this.#store.seal(batch)
      let receipts: Uint8Array[] = []
      this.#store.sync((error) => (error ? this.#fail(batch, error) : this.#release(batch, sealed, receipts)))
      receipts = this.#buildReceipts(batch, sealed)
    } catch (error) {
      if (isDiskFull(error)) this.#refuse(batch, error)
      else this.#fail(batch, error)
    }
  }

  #buildReceipts({ waiters }: Batch<Waiter>, sealed: Sealed): Uint8Array[] {
    const out = Buffer.allocUnsafeSlow(ReceiptBuilder.sizeOf(sealed.size, sealed.protectedBytes) * waiters.length)
    let at = 0
    return waiters.map(({ index }) => {
      const start = at
      at = this.#builder.write(out, at, this.#store.tree, index, sealed)
      return out.subarray(start, at)
    })
  }

  #release(batch: Batch<Waiter>, sealed: Sealed, receipts: Uint8Array[]): void {
    this.#head = LogStore.headOf(sealed, this.#options.log)
    batch.waiters.forEach(({ index, start, end, resolve }, i) => {
      resolve({ ...this.#recorded(index, batch.record.subarray(start, end)), receipt: receipts[i]! })
    })
    try {
      this.#store.roll(this.#options.segmentBytes ?? SEGMENT_BYTES)
    } catch (error) {
      // Without room for a new segment the old one goes on.
      if (!isDiskFull(error)) {
        this.#fail(this.#batch, error)
        return
      }
    }
    this.#settle()
  }

  /** The disk is full: what gathered is refused, and the log goes on from what is on disk. */
  #refuse(batch: Batch<Waiter>, cause: unknown): void {
    const { sequence } = this.#store
    this.#refused = diskFull(cause)
    try {
      this.#store[Symbol.dispose]()
      this.#store = new LogStore(this.#dir, this.#signer)
      this.#store.skipTo(sequence)
      this.#store.beginRun()
    } catch (error) {
      this.#fail(batch, error)
      return
    }
    for (const { reject } of batch.waiters) reject(this.#refused)
    this.#settle()
  }

  /** Nothing is durable any more: releases nothing, takes nothing in. */
  #fail(batch: Batch<Waiter>, cause: unknown): void {
    const error = cause instanceof TeapotError ? cause : logFailed(cause)
    this.#stopped = error
    for (const { reject } of [...batch.waiters, ...this.#batch.waiters]) reject(error)
    this.#settle()
    this.#options.onFault?.(error)
  }

  #settle(): void {
    this.#busy = false
    for (const done of this.#settled.splice(0)) done()
    if (this.#batch.leaves.length > 0) this.#flush()
  }

  #nextSettled(): Promise<void> {
    return new Promise((resolve) => this.#settled.push(resolve))
  }

  #recorded(index: number, saltAndClaims: Buffer): Recorded {
    const salt = saltAndClaims.subarray(0, SALT_BYTES)
    const id = `${this.#options.log}.${index}.${salt.toString('base64url')}`
    return { id, salt, claims: saltAndClaims.subarray(SALT_BYTES) }
  }

  #parseId(id: string): { index: number; salt: Buffer } {
    const [, log, index, salt] = /^(\d{1,15})\.(\d{1,15})\.([\w-]{22})$/.exec(id) ?? []
    if (salt === undefined) throw unknownId(id)
    if (Number(log) !== this.#options.log) throw noSuchLog(log!, this.#options.log)
    return { index: Number(index), salt: Buffer.from(salt, 'base64url') }
  }

  #salt(out: Buffer, at: number): void {
    if (this.#saltAt === SALT_POOL_BYTES) {
      randomFillSync(this.#salts)
      this.#saltAt = 0
    }
    this.#salts.copy(out, at, this.#saltAt, this.#saltAt + SALT_BYTES)
    this.#saltAt += SALT_BYTES
  }
}
