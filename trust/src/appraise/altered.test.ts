import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { swtpm } from '../../vectors/swtpm.ts'
import { appraise, type Evidence, fromHex, type Hex, parseEvidence, type TeapotError, toHex } from '../index.ts'
import { EACH_BIT_MS, expectEachBit, failureOf } from './altered.fixture.ts'
import { appraiseWith, evidence, facts, policy } from './appraisal.fixture.ts'

const { quote, nonce, keys, pcrs } = evidence

describe('appraising altered bytes', () => {
  const { chain, checkpoint, ek } = evidence
  const hex = (value: Hex, put: (value: Hex) => Partial<Evidence>) =>
    [fromHex(value), (bytes: Uint8Array) => put(toHex(bytes))] as const
  type Part = readonly [Uint8Array, (bytes: Uint8Array) => Partial<Evidence>]
  it.each<[string, RegExp, Part, number?]>([
    ['quote', /^quote\/(form|signature)$/, [quote.attest, (attest) => ({ quote: { ...quote, attest } })]],
    ['signature', /^quote\/signature$/, [quote.signature, (signature) => ({ quote: { ...quote, signature } })]],
    ['AK', /^identity\/(ak|name)$/, [evidence.ak, (ak) => ({ ak })]],
    // Each bit of what is signed; of what a digest covers, as many as tell each byte.
    ['log', /^log\/(form|replay)$/, [evidence.log, (log) => ({ log })], 3],
    ['EK certificate', /^endorsement\/(certificate|chain)$/, [ek[0]!, (der) => ({ ek: ek.with(0, der) })], 9],
    ["issuer's certificate", /^endorsement\/chain$/, [ek[1]!, (der) => ({ ek: ek.with(1, der) })], 9],
    ['node', /^identity\/name$/, hex(evidence.node, (node) => ({ node }))],
    ['operator', /^identity\/operator$/, hex(evidence.operator, (operator) => ({ operator }))],
    ['nonce', /^quote\/nonce$/, hex(nonce, (nonce) => ({ nonce }))],
    ['registry', /^quote\/chain$/, hex(chain.registry, (registry) => ({ chain: { ...chain, registry } }))],
    ['receipt key', /^quote\/binding$/, hex(keys.receipt, (receipt) => ({ keys: { ...keys, receipt } }))],
    ['seal key', /^quote\/binding$/, hex(keys.seal, (seal) => ({ keys: { ...keys, seal } }))],
    ['peer key', /^quote\/binding$/, hex(keys.peer, (peer) => ({ keys: { ...keys, peer } }))],
    ['checkpoint', /^quote\/binding$/, hex(checkpoint.root, (root) => ({ checkpoint: { ...checkpoint, root } }))],
    ['R', /^quote\/values$/, hex(pcrs[12]!, (r) => ({ pcrs: { ...pcrs, 12: r } }))],
    ['C', /^quote\/values$/, hex(pcrs[13]!, (c) => ({ pcrs: { ...pcrs, 13: c } }))],
  ])(
    'refuses each bit of the %s, by a reason of it',
    async (_, ids, [bytes, put], step = 1) => {
      const idOf = async (altered: Uint8Array) =>
        failureOf((await appraise({ ...evidence, ...put(altered) }, { nonce }, facts, policy)).reasons)?.id
      await expectEachBit({ bytes, step }, idOf, ids)
    },
    EACH_BIT_MS,
  )
  it('never affirms evidence in which a single bit was flipped', async () => {
    const outcomeOf = async (bytes: Uint8Array) => {
      try {
        return (await appraise(parseEvidence(bytes), { nonce }, facts, policy)).outcome
      } catch (error) {
        return (error as TeapotError).code
      }
    }
    await expectEachBit({ bytes: swtpm.evidence, step: 31 }, outcomeOf, /^(silence|mismatch|evidence\/malformed)$/)
  })
  it('never throws, whatever its parts are', async () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    const ek = fc.array(bytes, { maxLength: 2 })
    const parts = fc.record({ ak: bytes, log: bytes, ek, attest: bytes, signature: bytes })
    await fc.assert(
      fc.asyncProperty(parts, async ({ attest, signature, ...rest }) => {
        const verdict = await appraiseWith({ evidence: { ...rest, quote: { attest, signature } } })
        expect(verdict.outcome).toBe('silence')
      }),
    )
  })
})
