import { expect, it } from 'vitest'
import { encodeBundle } from '../encode.ts'
import { leafInput, parseBundle, toHex, utf8 } from '../index.ts'
import { makeSampleProof } from './sample-proof.fixture.ts'
import { describeProof } from './view.ts'

it('a proof is shown whole as JSON: claims by name, logs as entries, children as proofs', async () => {
  const sample = await makeSampleProof()
  const leaf = toHex(leafInput(sample.bundle.salt, sample.bundle.claims))
  const parent = parseBundle(await sample.issue({ children: [leaf] }))
  const standing = { confirmation: await sample.confirm(), anchor: sample.anchor }
  const view = describeProof(encodeBundle({ ...parent, ...standing, children: [sample.bytes] }))
  expect(JSON.parse(JSON.stringify(view))).toEqual(view)
  expect(view.claims).toEqual({ ...sample.claims, children: [leaf] })
  expect(view.receipt).toMatchObject({ size: 11, index: 5, sequence: 4 })
  expect(view.evidence).toMatchObject({ boot: 131072, epoch: 7, ek: [{ sizeBytes: 842 }, {}] })
  const hello = { kind: 'actor', name: 'hello', version: 1, status: 'current', grants: ['kv.read'] }
  expect(view.evidence.log.at(-1)).toMatchObject(hello)
  expect(view.evidence.log[0]).toMatchObject({ kind: 'launcher', pcr: 12 })
  expect(view.confirmation?.evidence.log).toHaveLength(7)
  expect(view.anchor).toMatchObject({ leaf: { epoch: 8, checkpoint: { size: 20 } }, block: { number: 70 } })
  expect(view.children).toEqual([describeProof(sample.bytes)])
})

it('what is no proof is not shown', () => {
  expect(() => describeProof(utf8('no proof'))).toThrow(expect.objectContaining({ code: 'cbor/malformed' }))
})
