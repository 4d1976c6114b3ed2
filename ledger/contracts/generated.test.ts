import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { gasOf } from '../scripts/gas-page.ts'
import * as generated from '../src/contracts.gen.ts'
import { measureGas } from '../testing/gas.ts'

/** Signatures and run keys are random, and a zero byte of calldata is cheaper than another. */
const TOLERANCE = 0.005

const text = readFileSync(new URL('gas-snapshot.json', import.meta.url), 'utf8')
const snapshot = JSON.parse(text) as Record<string, number>

describe('what is derived from the contracts', () => {
  it('is within what was set for it', () => {
    expect(snapshot['Attestation.closeEpoch, no change']).toBeLessThan(120_000)
    expect(snapshot['Disputes.quoteOf']).toBeLessThan(45_000)
    expect(snapshot['Disputes.disputeR']).toBeLessThan(120_000)
    // Of a node with a million results, in an epoch of a thousand nodes.
    expect(snapshot['ProofVerifier.verify']).toBeLessThan(120_000)
    expect(snapshot['ProofVerifier.registerRun']! + snapshot['PayOnProof.claim']!).toBeLessThan(250_000)
    expect(gasOf(snapshot, 100_000).nodeDay).toBeLessThan(100)
  })

  it('fits into a block chain: with its constructor each contract is below what one may have without', () => {
    const codes = Object.entries(generated).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value]] : [],
    )
    expect(codes.length).toBeGreaterThan(5)
    // EIP-170, in hexadecimal digits.
    for (const [name, code] of codes) expect(code!.length, name).toBeLessThan(2 + 2 * 24_576)
  })

  it('costs no more gas than the snapshot says, and not so little less that the snapshot is stale', {
    timeout: 600_000,
  }, async () => {
    const gas = await measureGas()
    expect(Object.keys(gas)).toEqual(Object.keys(snapshot))
    for (const [name, expected] of Object.entries(snapshot)) {
      const ratio = gas[name]! / expected
      const advice = `${name}: ${gas[name]} gas, ${expected} in the snapshot (npm run gas -w @teapot-network/ledger)`
      expect(Math.abs(ratio - 1), advice).toBeLessThan(TOLERANCE)
    }
  })
})
