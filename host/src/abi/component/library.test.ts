import { expect, test } from 'vitest'
import type { CapabilityInvocation } from '../../capability.ts'
import { hostOfFile } from '../../testing/host-of-file.fixture.ts'
import { ask, image } from '../../testing/open-host.ts'
import { componentFixture } from '../../testing/parse-wat.ts'

// The story of docs/libraries.md: an actor may call out and holds a secret; a library inside of it has a hole.
const sent: CapabilityInvocation[] = []
const host = await hostOfFile({
  limits: { deadlineMs: 30_000 },
  invoke: async (invocation) => {
    sent.push(invocation)
    return Buffer.from('sent')
  },
})
await host.load(image('shop', await componentFixture('library'), { grants: ['wascc:http_client'] }))

const asked = (operation: string, payload: string) => ask(host, 'shop', payload, { operation })

test('The library does its work, and the actor calls out', async () => {
  expect(await asked('render', 'tea for two')).toBe('tea for two')
  expect(await asked('own', 'hello')).toBe('sent')
  expect(sent.map(({ capability }) => capability)).toEqual(['wascc:http_client'])
})

test('The library cannot send anything out: what its actor was granted, it was not given', async () => {
  sent.length = 0
  expect(await asked('render', 'call out')).toBe('not for libraries')
  expect(sent).toEqual([])
})

test('The library cannot see the memory of its actor, only what it was handed', async () => {
  expect(await asked('render', 'memory')).toBe('0')
  expect(await asked('render', 'memory: s3cret')).toBe('1')
})
