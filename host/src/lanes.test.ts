import { afterEach, expect, test } from 'vitest'
import type { Host, HostOptions } from './host.ts'
import { busy, echo, forwarding, spinIfAsked } from './testing/build-module.ts'
import { ask, image, openHost, refusal } from './testing/open-host.ts'

const open: Host[] = []
async function start(limits: HostOptions['limits'] = {}, more: Partial<HostOptions> = {}): Promise<Host> {
  const host = await openHost({ limits: { lanes: 2, fuel: 1e13, ...limits }, ...more })
  open.push(host)
  return host
}
afterEach(async () => {
  for (const host of open.splice(0)) await host[Symbol.asyncDispose]()
})

/** Calls from `callers` at once until it is stopped, which throws when one of them failed. */
function keepBusy(host: Host, actor: string, callers: number) {
  let stopped = false
  let answers = 0
  const all = Promise.all(
    Array.from({ length: callers }, async () => {
      for (; !stopped; answers++) await ask(host, actor)
    }),
  )
  all.catch(() => {})
  return {
    /** Waits for so many answers more. */
    async answered(more: number): Promise<void> {
      const enough = answers + more
      await Promise.race([all, expect.poll(() => answers).toBeGreaterThanOrEqual(enough)])
    },
    async stop(): Promise<void> {
      stopped = true
      await all
    },
  }
}

const sandboxesOf = (host: Host, publisher = '0xa11ce') =>
  host.sandboxes().filter((sandbox) => sandbox.publisher === publisher)

test('A backlog that one sandbox does not drain gets a second, and no third', async () => {
  const host = await start()
  await host.load(image('busy', await busy(5_000_000)))
  expect(sandboxesOf(host)).toHaveLength(1)
  const calls = keepBusy(host, 'busy', 8)
  await expect.poll(() => sandboxesOf(host).length).toBe(2)
  await calls.answered(30)
  expect(sandboxesOf(host)).toHaveLength(2)
  await calls.stop()
})

test('Idleness ends both sandboxes, and the next call starts one', async () => {
  const host = await start({ idleMs: 300 })
  await host.load(image('busy', await busy(5_000_000)))
  const calls = keepBusy(host, 'busy', 8)
  await expect.poll(() => sandboxesOf(host).length).toBe(2)
  await calls.stop()
  await expect.poll(() => sandboxesOf(host).length).toBe(0)
  expect(await ask(host, 'busy')).toBe('')
  expect(sandboxesOf(host)).toHaveLength(1)
})

test('Calls that come one at a time stay in one sandbox', async () => {
  const host = await start({ backlogMs: 1 })
  await host.load(image('busy', await busy(1_000_000)))
  for (let i = 0; i < 20; i++) await ask(host, 'busy')
  expect(sandboxesOf(host)).toHaveLength(1)
})

test('A call that does not end holds up those behind it only until there is a second sandbox', async () => {
  const host = await start()
  await host.load(image('stuck', spinIfAsked))
  await host.load(image('echo', echo))
  const [{ pid } = { pid: 0 }] = sandboxesOf(host)
  const caller = new AbortController()
  const ended: unknown[] = []
  const note = (what: unknown) => void ended.push(what)
  const stuck = ask(host, 'stuck', 'for ever', { signal: caller.signal }).catch(note)
  const behind = ask(host, 'echo', 'behind').then(note)
  await expect.poll(() => sandboxesOf(host).length).toBe(2)
  expect(await ask(host, 'echo', 'beside')).toBe('beside')
  expect(ended).toEqual([])
  caller.abort('gone')
  await stuck
  process.kill(pid!, 'SIGKILL')
  await behind
  expect(ended).toEqual(['gone', 'behind'])
})

test('Either of several sandboxes may be lost under load, and no call fails', async () => {
  const host = await start()
  await host.load(image('busy', await busy(3_000_000)))
  const calls = keepBusy(host, 'busy', 8)
  for (const which of [0, 1]) {
    let pid = 0
    await expect.poll(() => (pid = sandboxesOf(host)[which]?.pid ?? 0)).toBeGreaterThan(0)
    process.kill(pid, 'SIGKILL')
    await calls.answered(30)
  }
  await calls.stop()
})

test('There are never more sandboxes at work than the limit, and who has several gives one up for who has none', async () => {
  const host = await start({ sandboxes: 2, lanes: 4 })
  await host.load(image('busy', await busy(5_000_000)))
  const calls = keepBusy(host, 'busy', 12)
  await expect.poll(() => sandboxesOf(host).length).toBe(2)
  await calls.answered(30)
  expect(host.sandboxes()).toHaveLength(2)
  await host.load(image('newcomer', echo, { publisher: '0xb0b' }))
  expect(await ask(host, 'newcomer', 'welcome')).toBe('welcome')
  await expect.poll(() => host.sandboxes().length).toBe(2)
  expect(sandboxesOf(host)).toHaveLength(1)
  await calls.stop()
})

test('When every sandbox is at work for its only one, one more publisher is told to try again', async () => {
  const host = await start({ sandboxes: 1 })
  await host.load(image('stuck', spinIfAsked))
  void refusal(ask(host, 'stuck', 'please'))
  expect(await refusal(host.load(image('newcomer', echo, { publisher: '0xb0b' })))).toMatchObject({
    code: 'host/overloaded',
    kind: 'unavailable',
  })
})

test('A suspect that runs alone may call another actor of its sandbox', async () => {
  const host = await start({ lanes: 1 })
  await host.load(image('stuck', spinIfAsked))
  await host.load(image('echo', echo))
  await host.load(image('asking', await forwarding('actor:echo'), { grants: ['actor:echo'] }))
  const stuck = refusal(ask(host, 'stuck', 'please', { deadlineMs: 200 }))
  const lost = ask(host, 'asking', 'still here')
  expect((await stuck).code).toBe('host/deadline')
  expect(await lost).toBe('still here')
})
