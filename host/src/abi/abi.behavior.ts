import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CapabilityBroker } from '../capability.ts'
import type { ActorImage, CallRequest, CallResult, Host } from '../host.ts'
import type { HostError } from '../host-error.ts'
import { image, openHost, refusal } from '../testing/open-host.ts'
import type { Abi } from './program.ts'

/** A module that behaves in one way, and how it is called. */
export interface Fixture {
  readonly bytes: Uint8Array
  /** `run` when nothing else is said. */
  readonly operation?: string
  /** A text as the payload that means it; the text itself when nothing else is said. */
  readonly encode?: (text: string) => Uint8Array
  /** What an answer means. */
  readonly decode?: (response: Uint8Array) => string
  readonly image?: Partial<ActorImage>
}

/** What each ABI has to bring; a text in place of a fixture says why it has none. */
export interface AbiFixtures {
  readonly abi: Abi
  /** Answers with its payload. */
  readonly echo: Fixture
  /** Fails with the text `no tea today`. */
  readonly fails: Fixture
  /** Answers `fine` to an empty payload, and traps on any other. */
  readonly traps: Fixture
  /** Counts its calls wherever it can keep state, and answers with what it counted. */
  readonly counts: Fixture
  /** Writes its payload to the console three times, as a line each. */
  readonly logs: Fixture
  /** Calls `Get` of `wascc:keyvalue` with its payload and answers with what comes; a refusal is its error. */
  readonly forwards: Fixture | string
  /** Never returns. */
  readonly spins: Fixture
  /** Takes memory without end, and traps when there is no more. */
  readonly grows: Fixture
  /** Answers with 16 random bytes and both clocks, in whatever form. */
  readonly world: Fixture | string
  /** Waits for some milliseconds, then answers with its payload. */
  readonly sleeps: Fixture | string
  /** Imports what nobody grants. */
  readonly greedy: Fixture
}

const LIMITS = { payloadBytes: 4_096, responseBytes: 8_192, memoryPages: 256, deadlineMs: 30_000, windUpMs: 30_000 }
/** That an actor may have, of which more calls are made at once. */
const INSTANCES = 3
const GRANTS = ['wascc:keyvalue', 'wasi:keyvalue']
const ENTRY_HEADER_BYTES = 5

/** What an actor can count on, whatever ABI it speaks: driven through a host, so that sandbox and frames are part of it. */
export function behavesAsAnActor(fixtures: AbiFixtures): void {
  describe(`An actor of ABI ${fixtures.abi}`, () => {
    let host: Host
    let cacheDirectory: string
    const lines: string[] = []
    const served: string[] = []
    let open = 0
    let mostOpen = 0
    let full = Promise.withResolvers<void>()
    const invoke: CapabilityBroker = async ({ payload }, signal) => {
      const wanted = Buffer.from(payload).toString()
      served.push(wanted)
      mostOpen = Math.max(mostOpen, ++open)
      try {
        if (wanted === 'refuse') throw Object.assign(new Error('no such key'), { code: 'provider/unknown-operation' })
        if (wanted === 'never') await new Promise((_, reject) => signal.addEventListener('abort', reject))
        if (open === INSTANCES) full.resolve()
        if (wanted.startsWith('slow')) {
          await full.promise
          // One too many would show itself meanwhile.
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        return Buffer.from(`got ${wanted}`)
      } finally {
        open--
      }
    }

    beforeAll(async () => {
      // As nodes have one: a component that goes by many names is transpiled once.
      cacheDirectory = await mkdtemp(join(tmpdir(), 'teapot-abi-'))
      host = await openHost({
        cacheDirectory,
        limits: LIMITS,
        invoke,
        onLog: ({ actor, text }) => lines.push(`${actor.name}: ${text}`),
      })
    })
    afterAll(async () => {
      await host[Symbol.asyncDispose]()
      await rm(cacheDirectory, { recursive: true })
    })

    const load = (name: string, fixture: Fixture, more: Partial<ActorImage> = {}) =>
      host.load(image(name, fixture.bytes, { ...fixture.image, ...more }))
    const request = (name: string, { operation = 'run', encode }: Fixture, text: string): CallRequest => ({
      actor: name,
      operation,
      payload: encode?.(text) ?? Buffer.from(text),
    })
    const read = ({ decode }: Fixture, { payload }: CallResult) => decode?.(payload) ?? Buffer.from(payload).toString()
    const ask = async (name: string, fixture: Fixture, text = '', more: Partial<CallRequest> = {}) =>
      read(fixture, await host.call({ ...request(name, fixture, text), ...more }))
    const failureOf = (name: string, fixture: Fixture, text = '', more: Partial<CallRequest> = {}) =>
      refusal(ask(name, fixture, text, more))

    test('answers, and says what it is', async () => {
      await load('echo', fixtures.echo)
      expect(await ask('echo', fixtures.echo, 'tea')).toBe('tea')
      expect(await ask('echo', fixtures.echo, '')).toBe('')
      expect(host.list().find(({ name }) => name === 'echo')?.abi).toBe(fixtures.abi)
    })

    test('gives each of many calls at once its own answer', async () => {
      const texts = Array.from({ length: 50 }, (_, i) => `cup ${i}`)
      expect(await Promise.all(texts.map((text) => ask('echo', fixtures.echo, text)))).toEqual(texts)
    })

    test('fails in its own words', async () => {
      await load('fails', fixtures.fails)
      expect(await failureOf('fails', fixtures.fails)).toMatchObject({
        code: 'host/actor-error',
        message: expect.stringContaining('no tea today'),
      })
    })

    test('traps, and is as new for the next call', async () => {
      await load('traps', fixtures.traps)
      for (let i = 0; i < 2; i++) {
        expect(await failureOf('traps', fixtures.traps, 'x')).toMatchObject({ code: 'host/trap', kind: 'fault' })
        expect(await ask('traps', fixtures.traps)).toBe('fine')
      }
    })

    test('finds nothing of a call in the next', async () => {
      await load('counts', fixtures.counts)
      const first = await ask('counts', fixtures.counts)
      for (let i = 0; i < 3; i++) expect(await ask('counts', fixtures.counts)).toBe(first)
    })

    test('has its console lines told, and fails with more of them than its limit', async () => {
      await load('logs', fixtures.logs)
      lines.length = 0
      await ask('logs', fixtures.logs, 'la')
      await ask('logs', fixtures.logs, 'la')
      expect(lines).toEqual(Array(6).fill('logs: la'))
      for (const [name, limits] of Object.entries({ 'few lines': { logLines: 2 }, 'few bytes': { logBytes: 5 } })) {
        await load(name, fixtures.logs, { limits })
        lines.length = 0
        expect((await failureOf(name, fixtures.logs, 'lo')).code, name).toBe('host/log-limit')
        expect(lines, name).toEqual([`${name}: lo`, `${name}: lo`])
      }
    })

    test('keeps its answers within its limit', async () => {
      await load('short', fixtures.echo, { limits: { responseBytes: 64 } })
      expect(await ask('short', fixtures.echo, 'x'.repeat(32))).toHaveLength(32)
      expect((await failureOf('short', fixtures.echo, 'x'.repeat(65))).code).toBe('host/response-too-large')
    })

    test('is ended at its deadline, and the next call is answered', async () => {
      await load('spins', fixtures.spins)
      expect((await failureOf('spins', fixtures.spins, '', { deadlineMs: 200 })).code).toBe('host/deadline')
      expect(await ask('echo', fixtures.echo, 'still here')).toBe('still here')
    })

    test('is stopped when its fuel is used up, which is no trap, and leaves the sandbox alone', async () => {
      await load('thirsty', fixtures.spins, { limits: { fuel: 100_000_000 } })
      await ask('echo', fixtures.echo, 'x')
      const [{ pid } = { pid: 0 }] = host.sandboxes()
      expect(await failureOf('thirsty', fixtures.spins)).toMatchObject({ code: 'host/fuel-exhausted', kind: 'fault' })
      expect(await ask('echo', fixtures.echo, 'still here')).toBe('still here')
      expect(host.sandboxes()[0]?.pid).toBe(pid)
    })

    test('uses the same fuel for the same call, in a sandbox of its own too', async () => {
      await load('elsewhere', fixtures.echo, { publisher: '0xb0b' })
      const fuel = []
      for (const name of ['echo', 'echo', 'elsewhere'])
        fuel.push((await host.call(request(name, fixtures.echo, 'tea'))).fuel)
      expect(fuel).toEqual(Array(3).fill(fuel[0]))
      expect(fuel[0]).toBeGreaterThan(0)
      expect((await host.call(request('echo', fixtures.echo, 'tea'.repeat(99)))).fuel).toBeGreaterThan(fuel[0]!)
    })

    test('is stopped at its memory limit', async () => {
      await load('grows', fixtures.grows)
      expect(await failureOf('grows', fixtures.grows)).toMatchObject({ code: 'host/out-of-memory', kind: 'fault' })
      expect(await ask('echo', fixtures.echo, 'still here')).toBe('still here')
    })

    test('does not load with an import that nobody grants', async () => {
      expect((await refusal(load('greedy', fixtures.greedy))).code).toBe('host/forbidden-import')
    })

    const { forwards } = fixtures
    if (typeof forwards !== 'string') {
      test('reaches a capability that it was granted, and is told of a refusal', async () => {
        await load('forwards', forwards, { grants: GRANTS })
        expect(await ask('forwards', forwards, 'tea')).toBe('got tea')
        expect(await failureOf('forwards', forwards, 'refuse')).toMatchObject({
          code: 'host/actor-error',
          message: expect.stringContaining('provider/unknown-operation: no such key'),
        })
      })

      test('is denied a capability that it was not granted', async () => {
        await load('ungranted', forwards)
        served.length = 0
        expect((await failureOf('ungranted', forwards, 'tea')).code).toBe('host/capability-denied')
        expect(served).toEqual([])
      })

      test('serves other calls while it waits, up to its number of instances', async () => {
        await load('three', forwards, { grants: GRANTS, limits: { instances: INSTANCES } })
        mostOpen = 0
        full = Promise.withResolvers()
        const texts = Array.from({ length: 12 }, (_, i) => `slow ${i}`)
        const answers = await Promise.all(texts.map((text) => ask('three', forwards, text)))
        expect(answers).toEqual(texts.map((text) => `got ${text}`))
        expect(mostOpen).toBe(INSTANCES)
      })

      test('ends at its deadline inside a capability call without harm to the sandbox', async () => {
        let pid: number | undefined
        // However slow the machine is, of some deadline the call is inside the capability when it passes.
        served.length = 0
        for (let deadlineMs = 100; !served.includes('never'); deadlineMs *= 4) {
          await ask('forwards', forwards, 'x')
          pid = host.sandboxes()[0]?.pid
          expect((await failureOf('forwards', forwards, 'never', { deadlineMs })).code).toBe('host/deadline')
        }
        expect(await ask('forwards', forwards, 'x')).toBe('got x')
        expect(host.sandboxes()[0]?.pid).toBe(pid)
      })

      test('answers from a trace as it did from the capability, and does not reach it again', async () => {
        await load('replayed', forwards, { grants: GRANTS })
        await isReplayable('replayed', forwards, 'tea')
        served.length = 0
        const { trace } = await host.call({ ...request('replayed', forwards, 'tea'), trace: true })
        await host.call({ ...request('replayed', forwards, 'tea'), replay: trace! })
        expect(served).toEqual(['tea'])
        expect(await failureOf('replayed', forwards, 'coffee', { replay: trace! })).toMatchObject({
          code: 'host/replay-mismatch',
          message: expect.stringMatching(/entry 1 .*other names or another payload/),
        })
      })

      test('fails from a trace as it did before, with the same fuel', async () => {
        const failed = async (more: Partial<CallRequest>) => {
          const error = await host
            .call({ ...request('replayed', forwards, 'refuse'), trace: true, ...more })
            .catch((e) => e)
          return error as HostError
        }
        const first = await failed({})
        expect(first.trace?.length).toBeGreaterThan(0)
        const again = await failed({ replay: first.trace! })
        expect([again.code, again.message, again.fuel]).toEqual([first.code, first.message, first.fuel])
        expect(again.trace).toEqual(first.trace)
      })

      test('fails when its trace grows over its limit', async () => {
        await load('brief', forwards, { grants: GRANTS, limits: { traceBytes: 32 } })
        expect(await ask('brief', forwards, 'tea')).toBe('got tea')
        expect((await failureOf('brief', forwards, 'tea', { trace: true })).code).toBe('host/trace-too-large')
      })
    }

    /** Same module, input and trace: same response and fuel, and the same trace when it is recorded again. */
    const isReplayable = async (name: string, fixture: Fixture, text: string): Promise<Uint8Array> => {
      const first = await host.call({ ...request(name, fixture, text), trace: true })
      const again = await host.call({ ...request(name, fixture, text), trace: true, replay: first.trace! })
      expect(read(fixture, again)).toBe(read(fixture, first))
      expect(again.fuel).toBe(first.fuel)
      expect(Buffer.from(again.trace!)).toEqual(Buffer.from(first.trace!))
      return first.trace!
    }

    test('has a trace that names no more than it saw', async () => {
      const trace = await isReplayable('echo', fixtures.echo, 'tea')
      expect(
        (await failureOf('echo', fixtures.echo, 'tea', { replay: Buffer.concat([trace, trace.subarray(1)]) })).code,
      ).toBe('host/replay-mismatch')
      expect((await host.call(request('echo', fixtures.echo, 'tea'))).trace).toBeUndefined()
    })

    test('does not run on bytes that are no trace', async () => {
      for (const replay of ['', '\u0001', '\u0002', 'no trace'])
        expect((await failureOf('echo', fixtures.echo, 'tea', { replay: Buffer.from(replay) })).code).toBe(
          'host/replay-mismatch',
        )
      expect(await ask('echo', fixtures.echo, 'still here')).toBe('still here')
    })

    const { world } = fixtures
    if (typeof world !== 'string')
      test('sees the same randomness and the same clocks from a trace', async () => {
        await load('world', world)
        expect(await ask('world', world)).not.toBe(await ask('world', world))
        const trace = await isReplayable('world', world, '')
        const early = trace.subarray(0, trace.length - 8 - ENTRY_HEADER_BYTES)
        expect((await failureOf('world', world, '', { replay: early })).code).toBe('host/replay-mismatch')
        const other = Buffer.from(trace)
        other[trace.length - 8 - ENTRY_HEADER_BYTES] = 5
        expect(await failureOf('world', world, '', { replay: other })).toMatchObject({
          code: 'host/replay-mismatch',
          message: expect.stringMatching(/Expected a sleep as entry/),
        })
      })

    const { sleeps } = fixtures
    if (typeof sleeps !== 'string')
      test('waits, and does not wait when it runs on a trace', async () => {
        await load('sleeps', sleeps)
        const texts = ['a', 'b', 'c', 'd']
        expect(await Promise.all(texts.map((text) => ask('sleeps', sleeps, text)))).toEqual(texts)
        await isReplayable('sleeps', sleeps, 'tea')
      })
  })
}
