import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import type { Host, HostOptions } from './host.ts'
import { echo, forwarding, spin, spinIfAsked, startSpins } from './testing/build-module.ts'
import { ask, image, openHost, refusal } from './testing/open-host.ts'

const open: Host[] = []
async function start(options: Partial<HostOptions> = {}): Promise<Host> {
  const host = await openHost(options)
  open.push(host)
  return host
}
afterEach(async () => {
  for (const host of open.splice(0)) await host[Symbol.asyncDispose]()
})

const pidOf = (host: Host) => host.sandboxes()[0]?.pid ?? 0

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('A call that never ends fails at its deadline, its sandbox is killed, and the next call is answered', async () => {
  const host = await start()
  await host.load(image('spin', spin))
  await host.load(image('echo', echo))
  const pid = pidOf(host)
  const asked = performance.now()
  expect(await refusal(ask(host, 'spin', '', { deadlineMs: 100 }))).toMatchObject({
    code: 'host/deadline',
    kind: 'unavailable',
  })
  expect(performance.now() - asked).toBeGreaterThan(95)
  expect(await ask(host, 'echo', 'hello')).toBe('hello')
  await expect.poll(() => isAlive(pid)).toBe(false)
  expect(pidOf(host)).not.toBe(pid)
})

test('Calls that are lost with a killed sandbox are answered by its replacement', async () => {
  const host = await start()
  await host.load(image('spin', spinIfAsked))
  await host.load(image('echo', echo))
  const asked = Array.from({ length: 50 }, (_, i) => `cup ${i}`)
  const before = asked.slice(0, 25).map((text) => ask(host, 'echo', text))
  const stuck = refusal(ask(host, 'spin', 'please', { deadlineMs: 150 }))
  const after = asked.slice(25).map((text) => ask(host, 'echo', text))
  expect((await stuck).code).toBe('host/deadline')
  expect(await Promise.all([...before, ...after])).toEqual(asked)
  expect(await ask(host, 'spin', '')).toBe('')
})

test('A call that has used a capability is not run twice when its sandbox is lost', async () => {
  let invocations = 0
  const host = await start({
    invoke: () => {
      invocations++
      return sleep(60_000, Buffer.alloc(0), { ref: false })
    },
  })
  await host.load(image('writer', await forwarding('wascc:keyvalue'), { grants: ['wascc:keyvalue'] }))
  await host.load(image('spin', spin))
  const writing = refusal(ask(host, 'writer', 'x'))
  await expect.poll(() => invocations).toBe(1)
  await refusal(ask(host, 'spin', '', { deadlineMs: 50 }))
  expect(await writing).toMatchObject({
    code: 'host/sandbox-lost',
    message: expect.stringMatching(/after a capability call/),
  })
  expect(invocations).toBe(1)
})

test('A sandbox that is killed from outside is replaced and its calls are run again', async () => {
  const host = await start()
  await host.load(image('echo', echo))
  process.kill(pidOf(host), 'SIGKILL')
  expect(await ask(host, 'echo', 'hello')).toBe('hello')
})

test('A call that loses two sandboxes fails', async () => {
  const host = await start()
  await host.load(image('spin', spin))
  const lost = refusal(ask(host, 'spin'))
  for (let kills = 0; kills < 2; kills++) {
    const pid = pidOf(host)
    process.kill(pid, 'SIGKILL')
    if (kills === 0) await expect.poll(() => [0, pid].includes(pidOf(host))).toBe(false)
  }
  expect(await lost).toMatchObject({ code: 'host/sandbox-lost', message: expect.stringMatching(/twice/) })
})

test('A module whose start never ends is refused at the load deadline, and what was loaded goes on', async () => {
  const host = await start({ limits: { fuel: 1e12 } })
  await host.load(image('echo', echo))
  // For this load alone.
  Object.assign(host.limits, { loadMs: 500 })
  expect((await refusal(host.load(image('eager', startSpins)))).code).toBe('host/deadline')
  expect(await ask(host, 'echo', 'hello')).toBe('hello')
  expect(host.list().map(({ name }) => name)).toEqual(['echo'])
})

test('Publishers do not share a sandbox: one that is stuck does not hold up another', async () => {
  const host = await start()
  await host.load(image('spin', spin, { publisher: '0xbad' }))
  await host.load(image('echo', echo))
  const [one, other] = host.sandboxes()
  expect(one?.pid).not.toBe(other?.pid)
  void refusal(ask(host, 'spin'))
  expect(await ask(host, 'echo', 'hello')).toBe('hello')
  expect(host.sandboxes()).toHaveLength(2)
})

test('More calls or bytes than a trust group may have are refused as overload', async () => {
  const host = await start({ limits: { calls: 4, callBytes: 100 } })
  await host.load(image('echo', echo))
  const calls = Array.from({ length: 6 }, (_, i) => ask(host, 'echo', `${i}`))
  const settled = await Promise.allSettled(calls)
  expect(settled.map(({ status }) => status)).toEqual([...Array(4).fill('fulfilled'), ...Array(2).fill('rejected')])
  expect(await refusal(ask(host, 'echo', 'x'.repeat(101)))).toMatchObject({
    code: 'host/overloaded',
    kind: 'unavailable',
  })
  expect(await ask(host, 'echo', 'again')).toBe('again')
})

test('A sandbox without calls is ended, and the next call starts one', async () => {
  const host = await start({ limits: { idleMs: 100 } })
  await host.load(image('echo', echo))
  const pid = pidOf(host)
  await expect.poll(() => host.sandboxes().length).toBe(0)
  expect(await ask(host, 'echo', 'hello')).toBe('hello')
  expect(pidOf(host)).not.toBe(pid)
})

test('The idlest publisher makes room when more are at work than there may be sandboxes', async () => {
  const host = await start({ limits: { sandboxes: 2 } })
  for (const publisher of ['0x1', '0x2', '0x3']) {
    await host.load(image(publisher, echo, { publisher }))
  }
  expect(host.sandboxes().map(({ publisher }) => publisher)).toEqual(['0x2', '0x3'])
  expect(await ask(host, '0x1', 'back')).toBe('back')
})

test('A host that is closed leaves no process behind and fails what was under way', async () => {
  const host = await openHost()
  await host.load(image('spin', spin))
  const pid = pidOf(host)
  const lost = refusal(ask(host, 'spin'))
  await host[Symbol.asyncDispose]()
  expect(await lost).toMatchObject({ code: 'host/sandbox-lost', message: expect.stringMatching(/closed/) })
  expect(isAlive(pid)).toBe(false)
  expect((await refusal(ask(host, 'spin'))).code).toBe('host/sandbox-lost')
})

test.skipIf(!existsSync('/usr/bin/setpriv'))('A sandbox that spins ends with a node that is killed', async () => {
  const at = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
  const script = `
    import { image, openHost } from ${at('./testing/open-host.ts')}
    import { spin } from ${at('./testing/build-module.ts')}
    const host = await openHost()
    await host.load(image('spin', spin))
    void host.call({ actor: 'spin', operation: '', payload: Buffer.alloc(0), deadlineMs: 30_000 })
    setTimeout(() => console.log(host.sandboxes()[0].pid), 100)`
  const node = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = (await once(node.stdout, 'data')) as [Buffer]
  const pid = Number(said.toString())
  expect(isAlive(pid)).toBe(true)
  node.kill('SIGKILL')
  await expect.poll(() => isAlive(pid)).toBe(false)
})
