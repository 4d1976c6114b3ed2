import { describe, expect, it } from 'vitest'
import { swtpm } from '../../vectors/swtpm.ts'
import { encodeLogRecord } from '../encode.ts'
import { concatBytes } from '../index.ts'
import { renderVerdict } from '../verdict.ts'
import { appraiseWith, type Change, evidence, facts, failedIds, of, other, records } from './appraisal.fixture.ts'

const { quote, keys, pcrs } = evidence

/** The last entry once more, altered: of what was read before, a part is compared and not hashed. */
const again = (alter: (record: Uint8Array) => [Uint8Array, number[]]): Change => {
  const [begin, end] = alter(encodeLogRecord(records.length, 13, records.at(-1)!.content))
  return of({ log: concatBytes(evidence.log, begin, Uint8Array.from(end)) })
}

describe('appraising evidence that proves nothing is silence:', () => {
  const knownBlocks = new Map([[40, other]])
  const tpm: Change = { evidence: { type: 'tpm' }, policy: { types: ['tpm'] } }
  it.each<[string, string, Change]>([
    ['a type that the policy does not take', 'type', { policy: { types: ['tpm'] } }],
    ['another type than its chain is for', 'endorsement/chain', tpm],
    ['another node than was asked', 'identity/asked', { expected: { node: other } }],
    ['an AK that is not restricted', 'identity/ak', of({ ak: swtpm.publics.unrestricted })],
    ['an AK that is no key', 'identity/ak', of({ ak: new Uint8Array(3) })],
    ["a node id that is not its AK's", 'identity/name', of({ node: other })],
    ['a node that is not registered', 'identity/registered', { facts: { nodes: [] } }],
    ['an AK that is not the registered one', 'identity/registered', { node: { akX: other } }],
    ['another y than the registered one', 'identity/registered', { node: { akY: other } }],
    ['another operator', 'identity/operator', { node: { operator: facts.registry } }],
    ['another EK certificate', 'endorsement/certificate', of({ ek: [swtpm.ekRsa, swtpm.issuer] })],
    ['no EK certificate', 'endorsement/certificate', of({ ek: [] })],
    ['an EK certificate without its issuer', 'endorsement/chain', of({ ek: [swtpm.ekP384] })],
    ['a chain not valid yet', 'endorsement/chain', { block: { timestamp: 1 } }],
    ['a chain to another root', 'endorsement/chain', { policy: { ekRoots: [['tpm-simulated', swtpm.issuer]] } }],
    ['a quote that cannot be read', 'quote/form', of({ quote: { ...quote, attest: new Uint8Array(9) } })],
    ['an attestation that is no quote', 'quote/form', of({ quote: swtpm.quotes.certify })],
    ['a signature by another key', 'quote/signature', of({ quote: swtpm.quotes.p384 })],
    ['a signature of other bytes', 'quote/signature', of({ quote: { ...swtpm.quotes.wide, attest: quote.attest } })],
    ['a signature that cannot be read', 'quote/signature', of({ quote: { ...quote, signature: new Uint8Array(9) } })],
    ['another nonce', 'quote/nonce', { expected: { nonce: other } }],
    ['another epoch', 'quote/epoch', { epoch: { number: 8 } }],
    ['another chain', 'quote/chain', { facts: { chainId: 1 } }],
    ['another registry', 'quote/chain', { facts: { registry: evidence.operator } }],
    ['a block to come', 'quote/block', { block: { number: 39 } }],
    ['a block that is not on this chain', 'quote/block', { block: { hash: other } }],
    ['an older block that is not on this chain', 'quote/block', { block: { number: 41 }, options: { knownBlocks } }],
    [
      'a quote that does not bind its epoch nonce',
      'quote/binding',
      { ...of({ nonce: other }), expected: { nonce: other } },
    ],
    ['a quote that does not bind its run keys', 'quote/binding', of({ keys: { ...keys, seal: keys.peer } })],
    [
      'a quote that does not bind its checkpoint',
      'quote/binding',
      of({ checkpoint: { ...evidence.checkpoint, size: 9 } }),
    ],
    ['a quote over further PCRs', 'quote/selection', of({ quote: swtpm.quotes.wide })],
    ['a further PCR value', 'quote/selection', of({ pcrs: { ...pcrs, 14: other } })],
    ['a PCR value left out', 'quote/selection', of({ pcrs: { 12: pcrs[12]! } })],
    ['PCR values that are not the quoted ones', 'quote/values', of({ pcrs: { ...pcrs, 13: other } })],
    ['another peer than was dialled', 'quote/peer', { expected: { peerKey: other } }],
    ['a log that cannot be read', 'log/form', of({ log: evidence.log.subarray(1) })],
    ['an entry that stands there again, and is empty', 'log/form', again((record) => [record.slice(0, -107), [0x40]])],
    ['an entry that stands there again, cut short', 'log/form', again((record) => [record.slice(0, -1), []])],
    ['an entry that stands there again, cut in its digest', 'log/form', again((record) => [record.slice(0, 12), []])],
    ['an entry that stands there again, its end altered', 'log/form', again((record) => [record.slice(0, -1), [9]])],
  ])('%s', async (_, id, change) => {
    const verdict = await appraiseWith(change)
    expect(verdict).toMatchObject({ tier: 'none', outcome: 'silence' })
    expect(failedIds(verdict)).toContain(id)
    expect(renderVerdict(verdict)).toContain('✘')
  })
})
