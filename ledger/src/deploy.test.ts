import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Chain, keyOf, startChain } from '../testing/chain.ts'
import { accountOf } from '../testing/encode-call.ts'
import { deployContracts } from './deploy.ts'
import { contractNames } from './deployment.ts'

let chain: Chain
beforeAll(async () => {
  chain = await startChain()
})
afterAll(() => chain?.[Symbol.asyncDispose]())

it('deploys behind what the same account has still on its way', async () => {
  const committeeKey = keyOf('committee')
  const from = accountOf(committeeKey)
  await chain.rpc('evm_setAutomine', false)
  await chain.rpc('anvil_impersonateAccount', from)
  await chain.rpc('eth_sendTransaction', { from, to: from, gas: '0x5208' })
  const deploying = deployContracts({
    rpcUrl: chain.anvil.url,
    committeeKey,
    genesis: [accountOf(keyOf('nobody'))],
    minEpochSeconds: 1,
  })
  const pending = `0x${(1 + contractNames.length).toString(16)}`
  const waiting = expect.poll(() => chain.rpc('txpool_status')).toMatchObject({ pending })
  // Whichever comes first: a deployment that is refused never fills the pool.
  await Promise.race([waiting, deploying])
  await chain.rpc('evm_mine')
  const { attestation } = await deploying
  expect(attestation).not.toBe(chain.deployment.attestation)
  expect(await chain.rpc('eth_getCode', attestation, 'latest')).not.toBe('0x')
})
