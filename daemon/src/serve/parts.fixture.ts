import { digestOf, TeapotError, utf8 } from '@teapot-network/trust'
import type { Issued } from '../receipts/index.ts'
import type { Answer, Call, Receipts, ServeParts } from './parts.ts'

/** Runs calls in this process: `greet` answers, `fail` fails, `wait` answers when told to. */
export function createGreeter(): ServeParts['caller'] & { release(): void; readonly waiting: number } {
  const waiting: (() => void)[] = []
  const actor = { name: 'hello', version: 1, sha256: digestOf(utf8('hello')), grants: [] }
  const answer = (call: Call): Answer => {
    if (call.actor !== 'hello')
      return { outcome: 'host/unknown-actor', payload: utf8(`no ${call.actor}`), kind: 'refused' }
    if (call.operation === 'fail') return { outcome: 'host/trap', payload: utf8('it trapped'), kind: 'refused', actor }
    return { outcome: 'ok', payload: utf8(`Hello, ${new TextDecoder().decode(call.payload)}`), actor }
  }
  return {
    call(call, done) {
      if (call.operation === 'wait') waiting.push(() => done(answer(call)))
      else done(answer(call))
    },
    get waiting() {
      return waiting.length
    },
    release() {
      for (const done of waiting.splice(0)) done()
    },
  }
}

/** Remembers results in memory; `issue` resolves in a later turn. */
export function createMemoryReceipts(): Receipts & { failure: Error | undefined; issued: number } {
  const kept = new Map<string, Issued>()
  const receipts: Receipts & { failure: Error | undefined; issued: number } = {
    failure: undefined,
    issued: 0,
    async issue(result) {
      const { id } = receipts.issueLater(result)
      await new Promise(setImmediate)
      if (receipts.failure !== undefined) throw receipts.failure
      return kept.get(id)!
    },
    issueLater({ call, answer }) {
      const id = `1-${receipts.issued++}`
      const receipt = utf8(`receipt of ${call.actor} ${answer.outcome}`)
      kept.set(id, { id, receipt, claims: utf8(`claims of ${id}`), salt: new Uint8Array(16) })
      return kept.get(id)!
    },
    async receipt(id) {
      const issued = kept.get(id)
      if (issued === undefined) throw new TeapotError('receipts/unknown-id', 'no such receipt')
      return issued
    },
    checkpoint: () => utf8('checkpoint'),
  }
  return receipts
}

/** Parts that listen on a free port of this machine. */
export function createParts(changed: Partial<ServeParts> = {}): ServeParts {
  const bytes = utf8('evidence')
  const digest = digestOf(bytes)
  return {
    listen: { host: '127.0.0.1', port: 0 },
    caller: createGreeter(),
    evidence: { current: () => ({ digest, bytes }), get: (asked) => (asked === digest ? bytes : undefined) },
    run: digestOf(utf8('run')),
    sealKey: { open: () => Promise.reject(new Error('not in this test')) },
    receipts: createMemoryReceipts(),
    status: () => ({ node: 'n' }),
    ...changed,
  }
}
