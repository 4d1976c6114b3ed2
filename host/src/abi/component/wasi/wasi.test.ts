import { expect, test } from 'vitest'
import { open, openWorld, refused } from './open-world.fixture.ts'
import { Pollable } from './pollable.ts'
import { InputStream, IoError, OutputStream, readFrom } from './streams.ts'

type Poll = (pollables: Pollable[]) => Promise<Uint32Array>

test('A stream of bytes is read to its end, skipped and spliced', () => {
  const world = openWorld()
  const input = new InputStream(
    world,
    readFrom(() => Buffer.from('tea for two')),
  )
  expect(input.read(0n)).toHaveLength(0)
  expect(Buffer.from(input.read(3n)).toString()).toBe('tea')
  expect(input.skip(1n)).toBe(1n)
  const written: string[] = []
  const output = new OutputStream(world, (bytes) => written.push(Buffer.from(bytes).toString()))
  expect(output.splice(input, 4n)).toBe(4n)
  expect(output.blockingSplice(input, 1n << 60n)).toBe(3n)
  output.writeZeroes(2n)
  output.blockingFlush()
  expect(output.checkWrite()).toBe(65_536n)
  expect(written).toEqual(['for ', 'two', '\0\0'])
  expect(refused(() => input.blockingRead(1n))).toEqual({ tag: 'closed' })
})

test('What is polled is ready in its time', async () => {
  const world = openWorld()
  const clock = open(world, 'wasi:clocks/monotonic-clock')
  const poll = open(world, 'wasi:io/poll')['poll'] as unknown as Poll
  const late = clock['subscribeDuration']!(500n) as Pollable
  const later = clock['subscribeInstant']!(5_000_002_000n) as Pollable
  expect(late.ready()).toBe(false)
  expect([...(await poll([later, late]))]).toEqual([1])
  expect(clock['now']!()).toBe(5_000_000_500n)
  await later.block()
  expect([...(await poll([later, late, new Pollable(world)]))]).toEqual([0, 1, 2])
  await expect(poll([])).rejects.toThrow('empty list')
})

test('Clocks tell the time of the surroundings', () => {
  const world = openWorld({ wallClock: () => 1_000_000_007n })
  expect(open(world, 'wasi:clocks/wall-clock')['now']!()).toEqual({ seconds: 1n, nanoseconds: 7 })
  expect(open(world, 'wasi:clocks/timezone')['utcOffset']!()).toBe(0)
})

test('Random bytes come from the surroundings, and not too many at once', () => {
  const world = openWorld()
  expect(open(world, 'wasi:random/random')['getRandomBytes']!(3n)).toEqual(Uint8Array.of(7, 7, 7))
  expect(open(world, 'wasi:random/insecure')['getInsecureRandomU64']!()).toBe(0x0707070707070707n)
  expect(open(world, 'wasi:random/insecure-seed')['insecureSeed']!()).toHaveLength(2)
  expect(() => open(world, 'wasi:random/random')['getRandomBytes']!(1n << 40n)).toThrow('random bytes')
})

test('Whoever asks for a socket or a name is denied', () => {
  const world = openWorld()
  const network = open(world, 'wasi:sockets/instance-network')['instanceNetwork']!()
  expect(refused(() => open(world, 'wasi:sockets/tcp-create-socket')['createTcpSocket']!('ipv4'))).toBe('access-denied')
  expect(refused(() => open(world, 'wasi:sockets/udp-create-socket')['createUdpSocket']!('ipv6'))).toBe('access-denied')
  expect(refused(() => open(world, 'wasi:sockets/ip-name-lookup')['resolveAddresses']!(network, 'a.example'))).toBe(
    'access-denied',
  )
})

test('A guest sees its environment, its arguments, and no terminal', () => {
  const world = openWorld({ environment: { A: '1' } })
  world.args = ['tester', 'run']
  const environment = open(world, 'wasi:cli/environment')
  expect(environment['getEnvironment']!()).toEqual([['A', '1']])
  expect(environment['getArguments']!()).toEqual(['tester', 'run'])
  expect(environment['initialCwd']!()).toBeUndefined()
  expect(open(world, 'wasi:cli/terminal-stdout')['getTerminalStdout']!()).toBeUndefined()
})

test('An instance holds no more resources than it may, and dropped ones do not count', () => {
  const world = openWorld()
  for (let i = 0; i < 10_000; i++) new Pollable(world)[Symbol.dispose]()
  const held: Pollable[] = []
  expect(() => {
    for (let i = 0; i < 10_000; i++) held.push(new Pollable(world))
  }).toThrow('at most 4096 resources')
  expect(held).toHaveLength(4_096)
})

test('Every call to the host costs fuel', () => {
  const world = openWorld({ limits: { fuel: 5_000 } as never })
  const pollable = new Pollable(world)
  const error = new IoError(world, 'spilt')
  for (const call of [() => pollable.ready(), () => error.toDebugString()])
    expect(() => {
      for (let i = 0; i < 10; i++) call()
    }).toThrow('units of fuel')
})
