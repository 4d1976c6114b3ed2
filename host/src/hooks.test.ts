import { beforeEach, expect, test } from 'vitest'
import type { Hook, HookedCall } from './hooks.ts'
import { echo, forwarding } from './testing/build-module.ts'
import { hostOfFile } from './testing/host-of-file.fixture.ts'
import { ask, image, refusal } from './testing/open-host.ts'

const KEYVALUE = 'wascc:keyvalue'
let first: Omit<Hook, 'name'> = {}
let second: Omit<Hook, 'name'> = {}
let invoked = 0
const hookOf = (name: string, current: () => Omit<Hook, 'name'>): Hook => ({
  name,
  onLoad: (release) => current().onLoad?.(release),
  onCall: (call) => current().onCall?.(call),
  onInvoke: (invocation) => current().onInvoke?.(invocation),
})

const host = await hostOfFile({
  hooks: [hookOf('first', () => first), hookOf('second', () => second)],
  invoke: async ({ payload }) => {
    invoked++
    return payload
  },
})
await host.load(image('echo', echo))
await host.load(image('asking', await forwarding(KEYVALUE), { grants: [KEYVALUE] }))
await host.load(image('nested', await forwarding('actor:echo'), { grants: ['actor:echo'] }))
beforeEach(() => {
  first = {}
  second = {}
  invoked = 0
})

const refuse = () => {
  throw new Error('not today')
}

test('A hook that has nothing against it lets everything pass', async () => {
  expect(await ask(host, 'asking', 'x')).toBe('x')
  expect(await ask(host, 'nested', 'x')).toBe('x')
})

test('A hook refuses a load, a call and a capability call, and is named', async () => {
  first = { onLoad: refuse }
  expect(await refusal(host.load(image('new', echo)))).toMatchObject({
    code: 'host/refused-by-hook',
    message: 'Hook first refuses new v1: not today',
    release: { name: 'new' },
  })
  expect((await refusal(ask(host, 'new'))).code).toBe('host/unknown-actor')
  first = {}
  second = { onCall: refuse }
  expect(await refusal(ask(host, 'echo'))).toMatchObject({
    code: 'host/refused-by-hook',
    message: 'Hook second refuses echo v1: not today',
    release: { name: 'echo' },
  })
  second = { onInvoke: refuse }
  expect(await refusal(ask(host, 'asking'))).toMatchObject({
    code: 'host/refused-by-hook',
    message: 'Hook second refuses asking v1: not today',
  })
  expect(invoked).toBe(0)
})

test('A hook that fails later, or with something that is no error, refuses too', async () => {
  first = { onCall: () => Promise.reject(new Error('down')) }
  expect((await refusal(ask(host, 'echo'))).message).toMatch(/down/)
  first = { onCall: () => Promise.reject('odd') }
  expect((await refusal(ask(host, 'echo'))).code).toBe('host/refused-by-hook')
})

test('A hook that does not decide costs the call its deadline', async () => {
  first = { onCall: () => new Promise(() => {}) }
  expect((await refusal(ask(host, 'echo', '', { deadlineMs: 50 }))).code).toBe('host/deadline')
  first = { onInvoke: () => new Promise(() => {}) }
  expect((await refusal(ask(host, 'asking', '', { deadlineMs: 50 }))).code).toBe('host/deadline')
  expect(invoked).toBe(0)
})

test('A hook that decides after its call has ended does not bring the capability about', async () => {
  const [asked, decided] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  first = {
    onInvoke: () => {
      asked.resolve()
      return decided.promise
    },
  }
  const caller = new AbortController()
  const left = ask(host, 'asking', '', { signal: caller.signal }).catch((error: unknown) => error)
  await asked.promise
  caller.abort('gone')
  expect(await left).toBe('gone')
  decided.resolve()
  first = {}
  expect(await ask(host, 'asking', 'after')).toBe('after')
  expect(invoked).toBe(1)
})

test('A hook sees calls of other actors with where they come from, and cannot change what it sees', async () => {
  const seen: HookedCall[] = []
  first = { onCall: (call) => void seen.push(call) }
  await ask(host, 'nested', 'x')
  expect(seen.map(({ release, origin }) => [release.name, origin.map(({ name }) => name)])).toEqual([
    ['nested', []],
    ['echo', ['nested']],
  ])
  first = { onInvoke: (invocation) => void Object.assign(invocation, { capability: 'wascc:blobstore' }) }
  expect((await refusal(ask(host, 'asking'))).code).toBe('host/refused-by-hook')
})

test('What a hook allowed is the release that it saw', async () => {
  await host.load(image('swapped', echo))
  const versions: number[] = []
  first = {
    onCall: async ({ release }) => {
      versions.push(release.version)
      if (release.version === 1) await host.load(image('swapped', echo, { version: 2, digest: 'two' }))
    },
  }
  const { release } = await host.call({ actor: 'swapped', operation: '', payload: Buffer.alloc(0) })
  expect(release.version).toBe(2)
  expect(versions).toEqual([1, 2])
})

test('A capability call that no right allows is refused before any hook is asked', async () => {
  await host.load(image('denied', await forwarding(KEYVALUE)))
  let saw = 0
  first = { onInvoke: () => void saw++ }
  expect((await refusal(ask(host, 'denied'))).code).toBe('host/capability-denied')
  expect(saw).toBe(0)
})
