import { expect, test } from 'vitest'
import { forwarding } from '../testing/build-module.ts'
import { hostOfFile } from '../testing/host-of-file.fixture.ts'
import { ask, image, refusal } from '../testing/open-host.ts'
import { claimsOf, embed } from '../testing/sign-module.ts'

const KEYVALUE = 'wascc:keyvalue'
const asks = await forwarding(KEYVALUE)
const grants = [KEYVALUE]
let nowMs = 1_700_000_000_000
const asked: object[] = []
const host = await hostOfFile({
  now: () => nowMs,
  invoke: async ({ binding, provider, settings, payload }) => {
    asked.push({ binding, provider, settings })
    return payload
  },
})

test('an actor uses what it was granted and its module claims, and is told which was missing', async () => {
  await host.load(image('claims-it', embed(claimsOf(asks), asks), { grants }))
  expect(await ask(host, 'claims-it', 'x')).toBe('x')
  await host.load(image('claims-nothing', embed(claimsOf(asks, { wascap: { caps: [] } }), asks), { grants }))
  expect(await refusal(ask(host, 'claims-nothing', 'x'))).toMatchObject({
    code: 'host/capability-denied',
    message: expect.stringContaining('its module claims (nothing)'),
  })
})

test('a manifest decides which bindings there are, and what the provider is told', async () => {
  const bound = { name: 'default', capability: KEYVALUE, provider: 'redis', settings: { url: 'redis://a' } }
  const module = image('bound', asks, { grants })
  await host.load({ ...module, bindings: [bound] })
  expect(await ask(host, 'bound', 'x')).toBe('x')
  expect(asked.at(-1)).toEqual({ binding: 'default', provider: 'redis', settings: { url: 'redis://a' } })
  await host.load({ ...module, bindings: [] })
  expect(await refusal(ask(host, 'bound', 'x'))).toMatchObject({
    code: 'host/capability-denied',
    message: expect.stringContaining('is bound for it (nothing)'),
  })
})

test('claims are checked at each load and swap; one that is refused leaves the old version at work', async () => {
  const valid = embed(claimsOf(asks, { exp: nowMs / 1000 + 60 }), asks)
  await host.load(image('swapped', valid, { grants }))
  const forged = valid.slice()
  forged.set([valid.at(-5) === 65 ? 66 : 65], valid.length - 5)
  const next = { grants, version: 2, digest: 'swapped-2' }
  expect((await refusal(host.load(image('swapped', forged, next)))).code).toBe('host/claims-forged')
  nowMs += 60_000
  expect((await refusal(host.load(image('swapped', valid, next)))).code).toBe('host/claims-expired')
  expect((await refusal(host.load(image('swapped', valid, { grants })))).code).toBe('host/claims-expired')
  expect(await ask(host, 'swapped', 'x')).toBe('x')
  expect(host.list().find(({ name }) => name === 'swapped')?.version).toBe(1)
})
