import { describe, expect, it } from 'vitest'
import { type EpochRecord, fromHex, type LedgerFacts, type ProofVerdict, type Reason, verifyProof } from '../index.ts'

declare global {
  interface ImportMeta {
    /** Vite's way to read files, which serves Node and browsers. */
    glob(pattern: string, options: object): Record<string, unknown>
  }
}

interface Vector {
  file: string
  ledger?: string
  request?: { actor: string; operation: string; payload: string }
  response?: { outcome: string; payload: string }
  tier: string
  standing: { confirmed: boolean; anchored: boolean }
  failed: string[]
}
interface Index {
  ledgers: Record<string, { facts: LedgerFacts; epochs: EpochRecord[] }>
  vectors: Vector[]
}

const files = import.meta.glob('../../../spec/vectors/*.proof', {
  query: '?url&inline',
  import: 'default',
  eager: true,
})
const [index] = Object.values(
  import.meta.glob('../../../spec/vectors/vectors.json', { import: 'default', eager: true }),
) as [Index]

async function read(file: string): Promise<Uint8Array> {
  const response = await fetch(files[`../../../spec/vectors/${file}`] as string)
  return new Uint8Array(await response.arrayBuffer())
}

function unhex<T extends { payload: string }>(call: T) {
  return { ...call, payload: fromHex(call.payload) }
}

/** Ids of what failed at the bottom, in the proof and in those that it rests on. */
function failed({ reasons, children }: Pick<ProofVerdict, 'reasons' | 'children'>): string[] {
  const ids = (reason: Reason): string[] => {
    const beneath = (reason.because ?? []).flatMap(ids)
    return beneath.length > 0 || reason.status !== 'fail' ? beneath : [reason.id]
  }
  return [...reasons.flatMap(ids), ...children.flatMap(failed)]
}

describe('the vectors of spec/vectors', () => {
  it('use every file', () => {
    const used = new Set(index.vectors.map(({ file }) => `../../../spec/vectors/${file}`))
    expect([...used].sort()).toEqual(Object.keys(files).sort())
  })
  it.each(index.vectors)(
    '$file with ledger $ledger is $tier',
    async ({ file, ledger, request, response, ...expected }) => {
      const known = ledger === undefined ? {} : index.ledgers[ledger]!
      const verdict = await verifyProof(await read(file), {
        ...known,
        ...(request && { request: unhex(request) }),
        ...(response && { response: unhex(response) }),
      })
      const { confirmed, anchored } = verdict.standing
      const standing = { confirmed, anchored: anchored !== null }
      expect({ tier: verdict.tier, standing, failed: failed(verdict) }).toEqual(expected)
    },
  )
})
