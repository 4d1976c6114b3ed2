import { digestOf, utf8 } from '@teapot-network/trust'
import { expect, it } from 'vitest'
import { rawCid } from './raw-cid.ts'

it('the CID of a raw block is the one that IPFS gives it', () => {
  expect(rawCid(digestOf(utf8('hello world')))).toBe('bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e')
  expect(rawCid(digestOf(new Uint8Array(0)))).toBe('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
})
