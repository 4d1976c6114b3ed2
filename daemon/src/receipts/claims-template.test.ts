import { type Claims, encodeCbor, toHex } from '@teapot-network/trust'
import { encodeClaims, encodeReceipt } from '@teapot-network/trust/encode'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ClaimsTemplate, writeHead } from './claims-template.ts'
import { HashFiles } from './hash-files.ts'
import { HashTree } from './hash-tree.ts'
import { temporaryFolder } from './log.fixture.ts'
import { ReceiptBuilder } from './receipt-builder.ts'
import { hashLeaf } from './recovery.ts'

const hex = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => toHex(bytes))
const text = fc.string({ unit: 'binary', maxLength: 300 })

describe('claims by template', () => {
  it('are, byte by byte, the claims as trust encodes them', () => {
    const arbitrary = fc.record<Claims>(
      {
        node: hex,
        issuedAt: fc.integer({ min: 65_536, max: 0xffffffff }),
        actor: fc.record({ name: text, version: fc.maxSafeNat(), sha256: hex }),
        capabilities: fc.uniqueArray(fc.string({ minLength: 1 })),
        run: hex,
        evidence: hex,
        block: fc.record({ number: fc.maxSafeNat(), hash: hex }),
        isolation: fc.constantFrom('process', 'user', 'namespaces', 'cgroup'),
        assurance: fc.record({
          integrity: fc.constantFrom('none', 'measured', 'enclave'),
          confidentiality: fc.constantFrom('none', 'enclave'),
        }),
        operation: text,
        request: hex,
        response: hex,
        outcome: text,
        fuel: fc.maxSafeNat(),
        trace: hex,
        children: fc.array(hex, { minLength: 1, maxLength: 130 }),
      },
      {
        requiredKeys: [
          'node',
          'issuedAt',
          'actor',
          'capabilities',
          'run',
          'evidence',
          'block',
          'assurance',
          'isolation',
          'operation',
          'request',
          'response',
          'outcome',
        ],
      },
    )
    const out = Buffer.alloc(1 << 16)
    fc.assert(
      fc.property(arbitrary, (claims) => {
        const template = new ClaimsTemplate(claims)
        const end = template.write(out, 7, claims, claims.issuedAt)
        expect(end - 7).toBeLessThanOrEqual(template.sizeOf(claims))
        expect(new Uint8Array(out.subarray(7, end))).toEqual(encodeClaims(claims))
      }),
    )
  })
  it('have CBOR heads in their shortest form', () => {
    const out = Buffer.alloc(16)
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        expect(new Uint8Array(out.subarray(0, writeHead(out, 0, 0, value)))).toEqual(encodeCbor(value))
      }),
      { examples: [[23], [24], [255], [256], [65_535], [65_536], [2 ** 32 - 1], [2 ** 32]] },
    )
  })
})

describe('receipts by copying', () => {
  it('are, byte by byte, the receipts as trust encodes them', () => {
    using folder = temporaryFolder()
    using files = new HashFiles(folder.dir)
    const tree = new HashTree(files)
    const builder = new ReceiptBuilder()
    const [protectedBytes, signature] = [Buffer.alloc(150, 1), Buffer.alloc(64, 2)]
    for (let size = 1; size <= 700; size++) {
      tree.append(hashLeaf(Buffer.from([size >> 8, size])))
      if (size > 40 && size % 97 > 0) continue
      const bound = ReceiptBuilder.sizeOf(size, protectedBytes)
      for (const index of new Set([0, size >> 1, (size >> 1) - 1, size - 1].filter((one) => one >= 0))) {
        const scratch = Buffer.alloc(64 * 32)
        const from = 64 - tree.path(index, size, scratch, 63 * 32, 32)
        const path = Array.from({ length: 64 - from }, (_, i) => {
          return new Uint8Array(scratch.subarray((from + i) * 32, (from + i + 1) * 32))
        })
        const out = Buffer.alloc(bound + 3)
        const end = builder.write(out, 3, tree, index, { size, protectedBytes, signature })
        const expected = encodeReceipt({ protectedBytes, signature, size, index, path })
        expect(new Uint8Array(out.subarray(3, end))).toEqual(expected)
      }
    }
  })
})
