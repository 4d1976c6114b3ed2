import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Deployment, parseDeployment } from './deployment.ts'

const address = (byte: string) => `0x${byte.repeat(20)}` as const
const deployment: Deployment = {
  chainId: 31337,
  deployedBlock: 1,
  codeRegistry: address('1a'),
  referenceValues: address('2b'),
  nodeRegistry: address('3c'),
  attestation: address('4d'),
  disputes: address('5e'),
  proofVerifier: address('6f'),
}

describe('parseDeployment', () => {
  it('reads what was written, addresses in lower case', () => {
    const text = JSON.stringify({ ...deployment, codeRegistry: `0x${'1A'.repeat(20)}` })
    expect(parseDeployment(text)).toEqual(deployment)
  })

  it('refuses whatever is no deployment', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(() => parseDeployment(text)).toThrow(expect.objectContaining({ code: 'ledger/deployment-malformed' }))
      }),
    )
  })

  it('names the member that is wrong', () => {
    for (const [name, value] of Object.entries({ chainId: -1, deployedBlock: 1.5, attestation: '0x12' })) {
      const text = JSON.stringify({ ...deployment, [name]: value })
      expect(() => parseDeployment(text)).toThrow(new RegExp(`in ${name}, found`))
    }
  })
})
