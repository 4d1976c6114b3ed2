import type { Hex } from '@teapot-network/trust'
import { describe, expect, it } from 'vitest'
import { useChain } from '../testing/chain.fixture.ts'
import { keyOf, sha256Hex, ZERO } from '../testing/chain.ts'

const [CURRENT, GRACE, SUPERSEDED, REVOKED] = [1, 2, 3, 4]
const r = sha256Hex('runtime 1')
const { chain, refuses, unprovoked } = useChain()

const add = (value: Hex = r, release = '0.1.0', platform = 'linux-x64', key = chain.committee) =>
  chain.write(key, 'referenceValues', 'add', [value, release, platform])
const move = (functionName: 'startGrace' | 'supersede' | 'revoke', key = chain.committee) =>
  chain.write(key, 'referenceValues', functionName, [r])
const list = async () => (await chain.read('referenceValues', 'list', [0n, 100n]))[0]

describe('ReferenceValues', () => {
  it('lists a value as current, with the block since when', async () => {
    const { block } = await add()
    const expected = { r, release: '0.1.0', platform: 'linux-x64', status: CURRENT, sinceBlock: BigInt(block) }
    expect(await list()).toEqual([expected])
  })

  it('moves a value from current to grace, superseded and revoked', async () => {
    await add()
    for (const [functionName, status] of [
      ['startGrace', GRACE],
      ['supersede', SUPERSEDED],
      ['revoke', REVOKED],
    ] as const) {
      const { block } = await move(functionName)
      expect((await list())[0]).toMatchObject({ status, sinceBlock: BigInt(block) })
    }
  })

  it('never moves a value back', async () => {
    await add()
    await move('supersede')
    await refuses(move('startGrace'), 'StatusNotLater', [SUPERSEDED, GRACE])
    await refuses(move('supersede'), 'StatusNotLater', [SUPERSEDED, SUPERSEDED])
    await move('revoke')
    await refuses(move('revoke'), 'StatusNotLater', [REVOKED, REVOKED])
  })

  it('pages, and changes its revision with every write', async () => {
    await add()
    await add(sha256Hex('runtime 2'))
    const [page, before] = await chain.read('referenceValues', 'list', [1n, 9n])
    expect(page.map((value) => value.r)).toEqual([sha256Hex('runtime 2')])
    await move('revoke')
    expect((await chain.read('referenceValues', 'list', [0n, 0n]))[1]).toBe(before + 1n)
  })

  it('refuses a value of zeros, and texts that are empty or too long', async () => {
    await refuses(add(ZERO), 'InvalidReferenceValue')
    await refuses(add(r, ''), 'InvalidReferenceValue')
    await refuses(add(r, '1', 'p'.repeat(65)), 'InvalidReferenceValue')
  })

  it('refuses a value that is registered already, and one that never was', async () => {
    await refuses(move('revoke'), 'UnknownReferenceValue', [r])
    await add()
    await refuses(add(), 'ReferenceValueExists', [r])
  })

  it('obeys nobody but the committee', async () => {
    const stranger = keyOf('stranger')
    await refuses(add(r, '1', 'p', stranger), 'OwnableUnauthorizedAccount')
    await add()
    for (const name of ['startGrace', 'supersede', 'revoke'] as const) {
      await refuses(move(name, stranger), 'OwnableUnauthorizedAccount')
    }
  })

  it('has no custom error that no test provokes', () => {
    // The committee's address is checked once, by OpenZeppelin, at deployment.
    expect(unprovoked('referenceValues')).toEqual(['OwnableInvalidOwner'])
  })
})
