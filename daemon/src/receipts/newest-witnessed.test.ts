import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CheckpointSummary, type Evidence, parseEvidence, qualifyingData, toHex } from '@teapot-network/trust'
import { encodeEvidence } from '@teapot-network/trust/encode'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Attester, createAttester, createTpm, type Tpm } from '../tpm/index.ts'
import { createSwtpm, type Swtpm } from '../tpm/swtpm.fixture.ts'
import { digest, issueSingly, temporaryFolder } from './log.fixture.ts'
import { newestWitnessed } from './newest-witnessed.ts'
import { openNumberedLog } from './numbered-log.ts'

const vectors = JSON.parse(readFileSync(new URL('../../../trust/vectors/swtpm.json', import.meta.url), 'utf8'))
const foreign = new Uint8Array(Buffer.from(vectors.evidence, 'base64'))
const receiptKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const folder = temporaryFolder()
const dir = join(folder.dir, 'receipts')

let swtpm: Swtpm
let tpm: Tpm
let attester: Attester
beforeAll(async () => {
  swtpm = await createSwtpm()
  tpm = createTpm({ socket: swtpm.socket })
  attester = await createAttester(tpm)
})
afterAll(async () => {
  await tpm?.[Symbol.asyncDispose]()
  await swtpm?.[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** Evidence of this node, as a peer holds it. */
async function quoted(checkpoint: CheckpointSummary): Promise<Evidence> {
  const { log, sequence, size, root } = checkpoint
  const { node, ak } = attester
  const evidence = { ...parseEvidence(foreign), node, ak, checkpoint: { log, sequence, size, root } }
  const { attest, signature, pcrs } = await attester.quote(qualifyingData(evidence))
  return { ...evidence, quote: { attest, signature }, pcrs }
}
const newest = (answers: Uint8Array[]) =>
  newestWitnessed(answers, attester.node, toHex(attester.ak.slice(-66, -34)), toHex(attester.ak.slice(-32)))
const head = (log: number, sequence: number): CheckpointSummary => ({ log, sequence, size: sequence, root: digest() })

test('a disk restored from an older image is noticed by what peers hold: its log is closed and the next number begun', async () => {
  const closed: string[] = []
  const open = (known: CheckpointSummary[] = []) => {
    const options = { dir, node: attester.node, run: digest(), receiptKey, known }
    return openNumberedLog(attester, options, (reason) => void closed.push(reason))
  }
  const image = join(folder.dir, 'image')
  const first = await open()
  await issueSingly(first.log, 2)
  await first.remember(first.log.checkpoint())
  await first.log[Symbol.asyncDispose]()
  await cp(dir, image, { recursive: true })

  const later = await open()
  await issueSingly(later.log, 3)
  const { log: number, ...lost } = later.log.checkpoint()
  await later.remember({ log: number, ...lost })
  const held = encodeEvidence(await quoted({ log: number, ...lost }))
  await later.log[Symbol.asyncDispose]()

  const known = (await newest([held]))!
  expect(known).toMatchObject({ log: number, sequence: lost.sequence, size: 5 })
  await (await open([known])).log[Symbol.asyncDispose]()
  expect(closed).toEqual([])

  await rm(dir, { recursive: true })
  await cp(image, dir, { recursive: true })
  const restored = await open([known])
  expect(restored.log.checkpoint()).toMatchObject({ log: number + 1, size: 0 })
  expect(closed).toEqual([expect.stringContaining('lost or restored')])
  await restored.log[Symbol.asyncDispose]()
  await (await open([known])).log[Symbol.asyncDispose]()
  expect(closed).toHaveLength(1)
})

test('of what several peers hold the newest counts: by log, then by sequence', async () => {
  const heads = [head(1, 90), head(2, 4), head(2, 7), head(2, 5)]
  const answers = await Promise.all(heads.map(async (one) => encodeEvidence(await quoted(one))))
  expect(await newest([new Uint8Array(0), foreign, ...answers])).toEqual(heads[2])
})

test('nothing counts that this AK did not quote', async () => {
  const evidence = await quoted(head(3, 1))
  const { attest, signature } = evidence.quote
  const flipped = signature.map((byte, i) => (i === signature.length - 1 ? byte ^ 1 : byte))
  const lies: Evidence[] = [
    { ...evidence, checkpoint: head(3, 9) },
    { ...evidence, node: digest() },
    { ...evidence, quote: { attest, signature: flipped } },
    { ...evidence, quote: { attest: attest.subarray(1), signature } },
    { ...evidence, quote: parseEvidence(foreign).quote },
  ]
  for (const lie of lies) expect(await newest([encodeEvidence(lie)])).toBeUndefined()
  expect(await newest([foreign])).toBeUndefined()
  const genuine = encodeEvidence(evidence)
  expect(await newest([genuine])).toEqual(evidence.checkpoint)
  const mangled = fc.tuple(fc.nat(genuine.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, mask]) => {
    return genuine.map((byte, i) => (i === at ? byte ^ mask : byte))
  })
  const rubbish = fc.oneof(fc.uint8Array(), mangled)
  const isNothingElse = async (bytes: Uint8Array) => {
    const found = await newest([bytes])
    if (found) expect(found).toEqual(evidence.checkpoint)
  }
  await fc.assert(fc.asyncProperty(rubbish, isNothingElse))
})
