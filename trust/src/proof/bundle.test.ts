import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EACH_BIT_MS } from '../appraise/altered.fixture.ts'
import { type CborValue, concatBytes, decodeCbor, encodeCbor, parseBundle, utf8, verifyProof } from '../index.ts'
import { promiseParser } from '../parser.behavior.ts'
import { renderVerdict } from '../verdict.ts'
import { altered, failures, known, sample } from './judged.fixture.ts'
import { SALT } from './sample-proof.fixture.ts'

function placeOf(bytes: Uint8Array, part: Uint8Array): number {
  return bytes.findIndex((_, at) => part.every((byte, i) => bytes[at + i] === byte))
}

describe('a bundle', () => {
  it(
    'gives no better verdict, and throws nothing, with any byte changed',
    async () => {
      const bytes = altered({ confirmation: await sample.confirm(), anchor: sample.anchor })
      const before = await verifyProof(bytes, sample.ledger)
      expect(before).toMatchObject({ tier: 'affirming', standing: { confirmed: true, anchored: { block: 70 } } })
      const said = { claims: before.claims, standing: before.standing }
      let held = 0
      // Evidence and policy are long, and held by a digest or a signature each: there a sample of their bytes will do.
      const { evidence, policy, confirmation } = parseBundle(bytes)
      const sparse = [evidence, policy, confirmation!.evidence].map((part) => {
        const start = placeOf(bytes, part)
        return [start, start + part.length] as const
      })
      const places = [...bytes.keys()].filter(
        (at) => at % 41 === 0 || !sparse.some(([from, to]) => at >= from && at < to),
      )
      const judge = async (at: number) => {
        const changed = bytes.slice()
        changed[at]! ^= 1 << (at % 8)
        const { tier, standing: found, claims } = await verifyProof(changed, sample.ledger)
        if (tier !== 'affirming') return
        // Of the past, not all that the facts say can be compared: what still holds says nothing else than before.
        const standing = { ...found, anchored: found.anchored ?? said.standing.anchored }
        expect({ claims, standing }, `byte ${at}`).toEqual(said)
        held++
      }
      // Side by side, as most of the time is waiting for WebCrypto.
      const work = async () => {
        for (let at = places.pop(); at !== undefined; at = places.pop()) await judge(at)
      }
      await Promise.all(Array.from({ length: 8 }, work))
      expect(held).toBeLessThan(30)
    },
    EACH_BIT_MS,
  )
})

/** With this value somewhere deep inside: the steps tell which branch to take. */
function planted(tree: CborValue, value: CborValue, steps: IterableIterator<number>): CborValue {
  const step = steps.next().value
  if (tree instanceof Map && tree.size > 0) {
    const key = [...tree.keys()][step % tree.size]!
    return new Map(tree).set(key, planted(tree.get(key)!, value, steps))
  }
  if (!Array.isArray(tree) || tree.length === 0) return value
  const at = step % tree.length
  return tree.with(at, planted(tree[at]!, value, steps))
}

describe('reading a bundle', () => {
  it('throws nothing, whatever value stands anywhere in it', async () => {
    const whole = altered({ confirmation: await sample.confirm(), anchor: sample.anchor })
    const values = fc.constantFrom<CborValue>(0, 2 ** 32, 2 ** 53 - 1, 2n ** 63n, -1, '', null, new Uint8Array(0), [])
    const property = fc.asyncProperty(fc.infiniteStream(fc.nat()), values, async (steps, value) => {
      const bytes = encodeCbor(planted(decodeCbor(whole), value, steps))
      expect(renderVerdict(await verifyProof(bytes))).toContain(': ')
    })
    await fc.assert(property, { numRuns: 300 })
  })

  const form = ['cbor/malformed', 'proof/bundle-malformed']
  it.each<[string, (map: Map<string, unknown>) => void]>([
    ['another version', (map) => map.set('v', 2)],
    ['a missing part', (map) => map.delete('salt')],
    ['a part nobody knows', (map) => map.set('more', 1)],
    ['a short salt', (map) => map.set('salt', SALT.subarray(1))],
    ['facts of another form', (map) => map.set('facts', [])],
  ])('refuses %s', async (_, change) => {
    const { claims, salt, receipt, evidence, policy } = sample.bundle
    const facts = { obtained: [1, 1], chain: [], block: [], epoch: [], values: [], entries: [], nodes: [] }
    const map = new Map<string, unknown>(Object.entries({ v: 1, claims, salt, receipt, evidence, policy, facts }))
    change(map)
    const bytes = encodeCbor(map as never)
    expect(() => parseBundle(bytes)).toThrow(expect.objectContaining({ code: 'proof/bundle-malformed' }))
    expect(await failures(bytes)).toEqual(['proof/form'])
  })
  it('gives a verdict of none, and no claims, for anything unreadable', async () => {
    for (const bytes of [new Uint8Array(), utf8('no proof'), sample.bytes.subarray(1), sample.bytes.subarray(0, -1)]) {
      expect(await verifyProof(bytes, known)).toMatchObject({ tier: 'none', outcome: 'silence', claims: null })
    }
    expect(await failures(concatBytes(sample.bytes, Uint8Array.of(0)))).toEqual(['proof/form'])
  })
  promiseParser(parseBundle, { valid: sample.bytes, codes: form })
})
