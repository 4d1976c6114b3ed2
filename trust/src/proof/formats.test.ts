import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CLAIM,
  encodeCheckpoint,
  encodeCheckpointHeader,
  encodeClaims,
  encodeEpochLeaf,
  encodeReceipt,
} from '../encode.ts'
import {
  type CborValue,
  type Claims,
  decodeCbor,
  encodeCbor,
  leafInput,
  parseCheckpoint,
  parseCheckpointHeader,
  parseClaims,
  parseCoseSign1,
  parseEpochLeaf,
  parseReceipt,
  receiptCheckpoint,
  sha256,
  toHex,
  utf8,
  verifyCheckpoint,
  verifyEs256,
} from '../index.ts'
import { promiseParser } from '../parser.behavior.ts'
import { CLAIMS_PROFILE } from './claims.ts'

const digest = toHex(sha256(utf8('digest')))
const header = { node: digest, log: 2, run: digest, sequence: 7, size: 1, previousRoot: digest }
const protectedBytes = encodeCheckpointHeader(header)
const signature = new Uint8Array(64).fill(7)
const receipt = encodeReceipt({ protectedBytes, signature, size: 1, index: 0, path: [] })
const claims: Claims = {
  node: digest,
  issuedAt: 1_800_000_000,
  actor: { name: 'hello', version: 3, sha256: digest },
  capabilities: ['kv.read', 'kv.write'],
  run: digest,
  evidence: digest,
  block: { number: 12, hash: digest },
  assurance: { integrity: 'measured', confidentiality: 'none' },
  isolation: 'namespaces',
  operation: 'greet',
  request: digest,
  response: digest,
  outcome: 'ok',
}

function changed(bytes: Uint8Array, key: number, value: CborValue | undefined): Uint8Array {
  const map = decodeCbor(bytes) as Map<number, CborValue>
  if (value === undefined) map.delete(key)
  else map.set(key, value)
  return encodeCbor(map)
}

function throwing(code: string) {
  return expect.objectContaining({ code })
}

describe('claims', () => {
  promiseParser(parseClaims, {
    valid: encodeClaims(claims),
    codes: ['cbor/malformed', 'proof/claims-malformed', 'proof/claims-unknown'],
  })
  it('read as they were written', () => {
    const hex = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => toHex(bytes))
    const arbitrary = fc.record<Claims>(
      {
        node: hex,
        issuedAt: fc.maxSafeNat(),
        actor: fc.record({ name: fc.string(), version: fc.maxSafeNat(), sha256: hex }),
        capabilities: fc.uniqueArray(fc.string({ minLength: 1, unit: 'grapheme-ascii' })).map((list) => list.sort()),
        run: hex,
        evidence: hex,
        block: fc.record({ number: fc.maxSafeNat(), hash: hex }),
        isolation: fc.constantFrom('process', 'user', 'namespaces', 'cgroup'),
        assurance: fc.record({
          integrity: fc.constantFrom('none', 'measured', 'enclave'),
          confidentiality: fc.constantFrom('none', 'enclave'),
        }),
        operation: fc.string(),
        request: hex,
        response: hex,
        outcome: fc.string(),
        fuel: fc.maxSafeNat(),
        trace: hex,
        children: fc.array(hex, { minLength: 1, maxLength: 3 }),
      },
      { requiredKeys: Object.keys(claims) as (keyof Claims)[] },
    )
    fc.assert(fc.property(arbitrary, (value) => void expect(parseClaims(encodeClaims(value))).toEqual(value)))
  })
  it('are a CWT with the profile of ours', () => {
    const map = decodeCbor(encodeClaims(claims)) as Map<number, CborValue>
    expect(map.get(1)).toBe(digest)
    expect(map.get(6)).toBe(1_800_000_000)
    expect(map.get(265)).toBe(CLAIMS_PROFILE)
  })
  it.each(Object.values(CLAIM).filter((key) => key > CLAIM.fuel))('without claim %i are refused', (key) => {
    const bytes = changed(encodeClaims(claims), key, undefined)
    expect(() => parseClaims(bytes)).toThrow(throwing('proof/claims-malformed'))
  })
  it.each(Object.entries(CLAIM))('with another type as %s are refused', (_, key) => {
    for (const value of [true, -1, [null], 'x'.repeat(66)]) {
      if (typeof value === 'string' && [CLAIM.operation, CLAIM.outcome].includes(key as never)) continue
      const bytes = changed(encodeClaims(claims), key, value)
      expect(() => parseClaims(bytes)).toThrow(throwing('proof/claims-malformed'))
    }
  })
  it('refuse an unknown claim that is critical, and pass over one that is not', () => {
    for (const key of [-65551, -65792]) {
      const bytes = changed(encodeClaims(claims), key, 1)
      expect(() => parseClaims(bytes)).toThrow(throwing('proof/claims-unknown'))
    }
    for (const key of [2, 300, -1, -65536, -65793]) {
      expect(parseClaims(changed(encodeClaims(claims), key, 1)).unknown).toEqual([key])
    }
    const text = encodeCbor(
      new Map([...(decodeCbor(encodeClaims(claims)) as Map<number | string, CborValue>), ['x', 1]]),
    )
    expect(() => parseClaims(text)).toThrow(throwing('proof/claims-unknown'))
  })
  it('refuse capabilities out of order or twice', () => {
    for (const list of [['b', 'a'], ['a', 'a'], [''], [1]]) {
      const bytes = changed(encodeClaims(claims), CLAIM.capabilities, list as CborValue)
      expect(() => parseClaims(bytes)).toThrow(throwing('proof/claims-malformed'))
    }
  })
  it('are hidden by their salt', () => {
    const bytes = encodeClaims(claims)
    expect(leafInput(new Uint8Array(16), bytes)).not.toEqual(leafInput(new Uint8Array(16).fill(1), bytes))
  })
})

describe('a checkpoint', () => {
  const bytes = encodeCheckpoint({ protectedBytes, root: digest, signature })
  const codes = ['cbor/malformed', 'cose/malformed', 'proof/checkpoint-malformed']
  promiseParser(parseCheckpoint, { valid: bytes, codes })

  it('reads as it was written', () => {
    expect(parseCheckpoint(bytes)).toEqual({ ...header, root: digest, protectedBytes, signature })
  })
  it.each([1, 395, -65537, -65538, -65539, -65540, -65541])('without label %i is refused', (label) => {
    const without = changed(protectedBytes, label, undefined)
    expect(() => parseCheckpointHeader(without)).toThrow(throwing('proof/checkpoint-malformed'))
  })
  it.each<[string, number, CborValue]>([
    ['another algorithm', 1, -8],
    ['another tree', 395, 2],
    ['an origin without a log', -65537, [sha256(utf8(''))]],
    ['a sequence below zero', -65539, -1],
    ['a label nobody knows', 4, utf8('kid')],
    ['critical labels', 2, [-65537]],
  ])('with %s is refused', (_, label, value) => {
    const other = changed(protectedBytes, label, value)
    expect(() => parseCheckpointHeader(other)).toThrow(throwing('proof/checkpoint-malformed'))
  })
  it('with an unprotected label or no root is refused', () => {
    const parts: CborValue[][] = [
      [protectedBytes, new Map([[4, 1]]), sha256(utf8('')), signature],
      [protectedBytes, new Map(), null, signature],
      [protectedBytes, new Map(), utf8('short'), signature],
    ]
    for (const part of parts) {
      const other = Uint8Array.of(0xd2, ...encodeCbor(part))
      expect(() => parseCheckpoint(other)).toThrow(throwing('proof/checkpoint-malformed'))
    }
  })
  it('is not signed by a key that did not, nor by bytes that are no key', async () => {
    const parsed = parseCheckpoint(bytes)
    expect(await verifyCheckpoint(parsed, new Uint8Array(65).fill(4))).toBe(false)
    expect(await verifyEs256(new Uint8Array(0), utf8(''), signature)).toBe(false)
  })
})

describe('a receipt', () => {
  const codes = ['cbor/malformed', 'cose/malformed', 'proof/checkpoint-malformed', 'proof/receipt-malformed']
  promiseParser(parseReceipt, { valid: receipt, codes })

  it('of the only leaf has an empty path, and that leaf as root', () => {
    const parsed = parseReceipt(receipt)
    expect(parsed).toMatchObject({ index: 0, path: [], checkpoint: header })
    const leaf = sha256(utf8('leaf'))
    expect(receiptCheckpoint(parsed, leaf).root).toBe(toHex(sha256(Uint8Array.of(0, ...leaf))))
  })
  it.each<[string, CborValue, string]>([
    ['a payload of its own', [protectedBytes, new Map(), utf8('x'), signature], 'proof/receipt-malformed'],
    ['no proof', [protectedBytes, new Map(), null, signature], 'proof/receipt-malformed'],
    [
      'two proofs',
      receiptWith([
        [1, 0, []],
        [1, 0, []],
      ]),
      'proof/receipt-malformed',
    ],
    ['a proof for another size', receiptWith([[2, 0, []]]), 'proof/receipt-malformed'],
    ['a short hash in its path', receiptWith([[1, 0, [utf8('short')]]]), 'proof/receipt-malformed'],
    ['a proof in loose CBOR', receiptWith([Uint8Array.of(0x83, 0x18, 1, 0, 0x80)]), 'cbor/malformed'],
    ['a short signature', [protectedBytes, new Map(), null, utf8('short')], 'cose/malformed'],
    ['a text as protected header', ['', new Map(), null, signature], 'cose/malformed'],
    ['an array as unprotected header', [protectedBytes, [], null, signature], 'cose/malformed'],
    ['a number as payload', [protectedBytes, new Map(), 0, signature], 'cose/malformed'],
    ['three parts', [protectedBytes, new Map(), null], 'cose/malformed'],
  ])('with %s is refused', (_, parts, code) => {
    expect(() => parseReceipt(Uint8Array.of(0xd2, ...encodeCbor(parts)))).toThrow(throwing(code))
  })
  it('without its tag is refused', () => {
    expect(() => parseCoseSign1(receipt.subarray(1))).toThrow(throwing('cose/malformed'))
  })
  it('whose path does not fit its index and size leads nowhere', () => {
    const parsed = parseReceipt(receipt)
    expect(() => receiptCheckpoint({ ...parsed, index: 1 }, sha256(utf8('')))).toThrow(
      throwing('proof/inclusion-malformed'),
    )
  })
})

function receiptWith(proofs: (CborValue[] | Uint8Array)[]): CborValue {
  const encoded = proofs.map((proof) => (proof instanceof Uint8Array ? proof : encodeCbor(proof)))
  return [protectedBytes, new Map([[396, new Map([[-1, encoded]])]]), null, signature]
}

describe("an epoch's leaf", () => {
  const checkpoint = { log: 1, sequence: 2, size: 3, root: digest }
  const leaf = { epoch: 8, node: digest, outcome: 'affirm', run: digest, evidence: digest, checkpoint } as const
  promiseParser(parseEpochLeaf, {
    valid: encodeEpochLeaf(leaf),
    codes: ['cbor/malformed', 'proof/epoch-leaf-malformed'],
  })
  it('reads as it was written, also without a checkpoint', () => {
    for (const one of [leaf, { ...leaf, outcome: 'silence', checkpoint: null } as const]) {
      expect(parseEpochLeaf(encodeEpochLeaf(one))).toEqual(one)
    }
  })
  it('of another domain or outcome is refused', () => {
    const items = decodeCbor(encodeEpochLeaf(leaf)) as CborValue[]
    for (const at of [0, 3]) {
      expect(() => parseEpochLeaf(encodeCbor(items.with(at, 'other')))).toThrow(throwing('proof/epoch-leaf-malformed'))
    }
  })
})
