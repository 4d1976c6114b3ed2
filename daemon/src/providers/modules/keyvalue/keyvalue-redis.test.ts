import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ProviderSupervisor } from '../../supervisor.ts'
import { ask, isRefused, openWorkbench, refusal, type Workbench } from '../../testing/open-providers.fixture.ts'
import { HAS_REDIS, type RedisServer, startRedis } from '../../testing/redis.ts'
import { countUnderFire, itBehavesLikeKeyvalue } from './keyvalue.behavior.ts'

describe.skipIf(!HAS_REDIS)('Key-value on Redis (needs redis-server)', () => {
  let bench: Workbench
  let redis: RedisServer
  beforeAll(async () => {
    bench = await openWorkbench('keyvalue-redis')
    redis = await startRedis()
  })
  afterAll(async () => {
    await redis?.[Symbol.asyncDispose]()
    await bench[Symbol.asyncDispose]()
  })
  const open = async (
    operator: Record<string, unknown> = { url: redis.url },
    more = {},
  ): Promise<ProviderSupervisor> => {
    const supervisor = bench.supervise({ operator: { 'keyvalue-redis': operator }, ...more })
    await supervisor.load(bench.image('keyvalue-redis', { grants: ['net'] }))
    return supervisor
  }
  const get = (supervisor: ProviderSupervisor, settings = {}, actor = 'greeter') =>
    ask(supervisor, 'Get', { key: 'a' }, { settings, actor })

  itBehavesLikeKeyvalue(open)

  test('A binding that names a Redis on a private address gets there only by exception of the owner', async () => {
    const here = `127.0.0.1:${redis.port}`
    await using supervisor = await open({ private: { greeter: [here] } })
    const settings = { url: redis.url, private: '127.0.0.1' }
    expect(await get(supervisor, settings)).toMatchObject({ exists: false })
    const refused = { code: 'provider/address-refused' }
    await isRefused(get(supervisor, { url: redis.url }), refused)
    await isRefused(get(supervisor, settings, 'other'), refused)
    const bad = { code: 'provider/bad-settings' }
    await isRefused(get(supervisor), bad)
    for (const url of ['', 'http://127.0.0.1', 'redis://', 'redis://h/x', 'redis:///tmp/socket'])
      await isRefused(get(supervisor, { url }), bad, url)
  })

  test('A server that is gone is unreachable, and the provider goes on when it is back', async () => {
    await using own = await startRedis()
    await using supervisor = await open({ url: own.url })
    await ask(supervisor, 'Set', { key: 'a', value: 'kept', expires: 0 })
    await own.stop()
    await isRefused(get(supervisor), { code: 'provider/unreachable', kind: 'unavailable' })
    await own.start()
    await expect.poll(() => get(supervisor).catch(() => undefined)).toEqual({ value: 'kept', exists: true })
    expect(supervisor.list()[0]!.restarts).toBe(0)
  })

  test('A server that wants a password is given it, and one that has no room says so', async () => {
    await using own = await startRedis('--requirepass', 'tea pot', '--maxmemory', '2mb')
    const { port } = own
    await using supervisor = await open({ url: `redis://:tea%20pot@127.0.0.1:${port}` })
    expect(await get(supervisor)).toMatchObject({ exists: false })
    const fill = async () => {
      for (let i = 0; i < 20; i++) await ask(supervisor, 'Set', { key: `${i}`, value: 'x'.repeat(500_000), expires: 0 })
    }
    await isRefused(fill(), 'provider/quota-exceeded')
    await using stranger = await open({ url: `redis://:wrong@127.0.0.1:${port}` })
    const refused = await refusal(get(stranger))
    expect(refused).toMatchObject({ code: 'provider/unreachable' })
    expect(refused.message).not.toMatch(/wrong/)
  })

  test('Neither a connection that breaks before the answer nor a server or provider that is killed makes an addition twice', async () => {
    await using own = await startRedis()
    const sockets = new Set<Socket>()
    await using line = await startProxy(own.port, sockets)
    const limits = { backoffMs: 1, maxBackoffMs: 20 }
    await using supervisor = await open({ url: `redis://127.0.0.1:${line.port}` }, { limits })
    const strikes = [
      () => {
        for (const socket of sockets) socket.destroy()
      },
      () => {
        const { pid } = supervisor.list()[0]!
        if (pid !== undefined) process.kill(pid, 'SIGKILL')
      },
      async () => {
        await own.stop('SIGKILL')
        await own.start()
      },
    ]
    let turn = 0
    const { answered, unknown, stored } = await countUnderFire(supervisor, {}, () => strikes[turn++ % 3]!(), 12)
    expect(unknown).toBeGreaterThan(0)
    expect(stored).toBeGreaterThanOrEqual(answered)
    expect(stored).toBeLessThanOrEqual(answered + unknown)
  }, 300_000)
})

/** Passes bytes on; who destroys its sockets cuts the line. */
async function startProxy(target: number, sockets: Set<Socket>): Promise<{ port: number } & AsyncDisposable> {
  const server: Server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('data', (chunk) => other.write(chunk))
      one.on('error', () => {})
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((done) => server.close(done))
    },
  }
}
