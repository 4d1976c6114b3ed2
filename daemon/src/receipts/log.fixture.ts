import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  fromHex,
  leafInput,
  type NodeId,
  parseCheckpoint,
  parseReceipt,
  receiptCheckpoint,
  type SignedCheckpoint,
  toHex,
  verifyCheckpoint,
} from '@teapot-network/trust'
import { pointOf } from './checkpoint-key.ts'
import type { ResultClaims } from './claims-template.ts'
import { type Issued, openReceiptLog, type ReceiptLog, type ReceiptLogOptions } from './receipt-log.ts'

export const digest = () => toHex(randomBytes(32))
/** The same in every process. */
export const NODE: NodeId = toHex(new Uint8Array(32).fill(0x0e))
export const SHARED = {
  actor: { name: 'hello', version: 3, sha256: digest() },
  capabilities: ['kv.read'],
  evidence: digest(),
  block: { number: 12, hash: digest() },
  assurance: { integrity: 'none', confidentiality: 'none' },
  isolation: 'user',
} as const

/** One run of a node: its key, its digest, and how it opens its log. */
export interface Run {
  key: KeyObject
  options: ReceiptLogOptions
  open(more?: Partial<ReceiptLogOptions>): Promise<ReceiptLog>
  /** Checks a receipt by this run's key; returns its checkpoint. */
  check(issued: Issued): Promise<SignedCheckpoint>
}

/** A run that starts now, with a log in `dir`. */
export function newRun(dir: string): Run {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const options = { dir, node: NODE, log: 1, run: digest(), receiptKey: key }
  return {
    key,
    options,
    open: (more) => openReceiptLog({ ...options, ...more }),
    async check({ receipt, salt, claims }) {
      const checkpoint = receiptCheckpoint(parseReceipt(receipt), leafInput(salt, claims))
      if (!(await verifyCheckpoint(checkpoint, pointOf(key)))) throw new Error('the receipt does not verify')
      return checkpoint
    },
  }
}

/** A result that no other equals. */
export function result(): ResultClaims {
  return { operation: 'greet', request: digest(), response: digest(), outcome: 'ok' }
}

/** Issues results one after the other, each with a checkpoint of its own. */
export async function issueSingly(log: ReceiptLog, count: number): Promise<Issued[]> {
  const template = log.template({ ...SHARED, capabilities: [...SHARED.capabilities] })
  const issued: Issued[] = []
  for (let i = 0; i < count; i++) issued.push(await log.issue(template, result()))
  return issued
}

/** Issues results at once, so that they share a checkpoint. */
export function issueTogether(log: ReceiptLog, count: number): Promise<Issued[]> {
  const template = log.template({ ...SHARED, capabilities: [...SHARED.capabilities] })
  return Promise.all(Array.from({ length: count }, () => log.issue(template, result())))
}

/** A checkpoint read back from its published bytes, with its signature checked. */
export async function published(log: ReceiptLog, key: KeyObject): Promise<SignedCheckpoint> {
  const checkpoint = parseCheckpoint(log.checkpoint().signed)
  if (!(await verifyCheckpoint(checkpoint, pointOf(key)))) throw new Error('the checkpoint does not verify')
  return checkpoint
}

/** The root of a checkpoint as bytes. */
export function rootOf({ root }: { root: string }): Uint8Array {
  return fromHex(root)
}

/** A folder that is gone afterwards. */
export function temporaryFolder(): { dir: string } & Disposable {
  const dir = mkdtempSync(join(tmpdir(), 'teapot-receipts-'))
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) }
}
