import { expect, test } from 'vitest'
import { createFrameReader, FrameWriter, parseNamed } from '../frames.ts'
import { DEFAULT_LIMITS } from '../limits.ts'
import { FrameType } from '../messages.ts'
import { CallSurroundings, type HostPipe } from './surroundings.ts'

const CALL = 7
const MILLISECOND = 1_000_000n

/** Surroundings whose pipe ends here, a call of them begun. */
function begin(
  more: { trace?: boolean; replay?: Uint8Array | undefined; limits?: Partial<typeof DEFAULT_LIMITS> } = {},
) {
  const sent: { type: number; operation: string; payload: string }[] = []
  const read = createFrameReader(1 << 20, (type, _, body) => {
    if (type !== FrameType.hostCall) return
    const { names, payload } = parseNamed(body, 3, DEFAULT_LIMITS)
    sent.push({ type, operation: names[2]!, payload: payload.toString() })
  })
  const writer = new FrameWriter(read)
  const pipe: HostPipe = { writer, open: new Map() }
  const limits = { ...DEFAULT_LIMITS, ...more.limits }
  const settings = { name: 'actor', grants: [], environment: {}, limits }
  let waits = 0
  const surroundings = new CallSurroundings(pipe, settings, { loadId: 0, onWait: () => waits++, replay: more.replay })
  surroundings.begin(CALL, more.trace ?? true)
  const operations = () => {
    writer.flush()
    return sent.map(({ operation }) => operation)
  }
  const answer = (text: string, ok = true) => pipe.open.get(CALL)?.answer(ok, Buffer.from(text))
  const ask = async (operation: string, payload = '') => {
    const bytes = Buffer.from(payload)
    return Buffer.from(await surroundings.invoke('default', 'wascc:keyvalue', operation, bytes)).toString()
  }
  return { surroundings, operations, answer, ask, sent, waits: () => waits }
}

const traceOf = (surroundings: CallSurroundings) => Buffer.from(surroundings.trace!)

test('One capability call is open at a time, and the others follow in their order', async () => {
  const { ask, answer, operations, surroundings } = begin()
  const answers = Promise.allSettled([ask('a'), ask('b'), ask('c')])
  expect(operations()).toEqual(['a'])
  answer('for a')
  expect(operations()).toEqual(['a', 'b'])
  answer('no', false)
  answer('for c')
  expect(await answers).toMatchObject([{ value: 'for a' }, { reason: { message: 'no' } }, { value: 'for c' }])
  expect([operations(), surroundings.waiting, surroundings.end()]).toEqual([['a', 'b', 'c'], false, undefined])
})

test('A payload that has to wait is kept as it was', async () => {
  const { surroundings, answer, sent, operations } = begin()
  const payload = Buffer.from('tea')
  const open = [surroundings.invoke('', 'x', 'a', payload), surroundings.invoke('', 'x', 'b', payload)]
  payload.fill(0)
  answer('')
  answer('')
  await Promise.all(open)
  operations()
  expect(sent.map((call) => call.payload)).toEqual(['tea', 'tea'])
})

test('More capability calls or sleeps than the limit are refused', async () => {
  const { ask, surroundings } = begin({ limits: { openHostCalls: 2 } })
  void ask('a')
  void ask('b')
  await expect(ask('c')).rejects.toThrow(/^host\/overloaded/)
  for (let i = 0; i < 1_024; i++) void surroundings.sleep(1_000n * MILLISECOND)
  await expect(surroundings.sleep(1n)).rejects.toMatchObject({ failure: 'trap' })
})

test('A call that ends with a capability call open waits for it, and gives up what was not sent', async () => {
  const { ask, answer, operations, surroundings } = begin()
  void ask('sent')
  void ask('queued')
  void surroundings.sleep(60_000n * MILLISECOND)
  let settled = false
  const settling = surroundings.settle().then(() => {
    settled = true
  })
  await new Promise(setImmediate)
  expect(settled).toBe(false)
  answer('late')
  await settling
  expect([surroundings.waiting, operations(), surroundings.end()]).toEqual([false, ['sent'], undefined])

  const replayed = begin({ replay: traceOf(surroundings) })
  void replayed.ask('sent')
  void replayed.ask('queued')
  await replayed.surroundings.settle()
  expect([replayed.surroundings.end(), replayed.operations()]).toEqual([undefined, []])
  expect(traceOf(replayed.surroundings)).toEqual(traceOf(surroundings))
})

test('What came first comes first in a replay, whatever else is waited for', async () => {
  const run = async ({ ask, surroundings }: ReturnType<typeof begin>, answerLater?: () => void) => {
    const order: string[] = []
    const told = (what: string) => () => order.push(what)
    const all = [
      ask('a').then(told('a')),
      surroundings.sleep(30n * MILLISECOND).then(told('long')),
      surroundings.sleep(5n * MILLISECOND).then(told('short')),
    ]
    order.push(`${surroundings.monotonicClock()}`)
    answerLater?.()
    await Promise.all(all)
    order.push(`${surroundings.wallClock()}`)
    expect(surroundings.end()).toBeUndefined()
    return order
  }
  for (const afterMs of [0, 15, 60]) {
    const live = begin()
    const order = await run(live, () => setTimeout(live.answer, afterMs, 'yes'))
    const replayed = begin({ replay: traceOf(live.surroundings) })
    expect(await run(replayed)).toEqual(order)
    expect(traceOf(replayed.surroundings)).toEqual(traceOf(live.surroundings))
  }
})

test('A sleep is never shorter than it was to be', async () => {
  const { surroundings, waits } = begin()
  for (const milliseconds of [0n, 1n, 3n]) {
    const before = surroundings.monotonicClock()
    await surroundings.sleep(milliseconds * MILLISECOND)
    expect(surroundings.monotonicClock() - before).toBeGreaterThanOrEqual(milliseconds * MILLISECOND)
  }
  expect(waits()).toBe(3)
})

test('A replay that goes another way fails, even when the guest swallows what it was told', async () => {
  const recorded = begin()
  recorded.surroundings.random(new Uint8Array(4))
  const answer = recorded.ask('a')
  recorded.answer('yes')
  await answer
  const replay = traceOf(recorded.surroundings)
  const ways: Record<string, (other: ReturnType<typeof begin>) => unknown> = {
    '4 random bytes as entry 1 of the trace, found the wall clock': ({ surroundings }) => surroundings.wallClock(),
    'entry 1 of the trace, found 5 random bytes': ({ surroundings }) => surroundings.random(new Uint8Array(5)),
    'entry 1 of the trace, found the end of the call': () => {},
    'entry 1 of the trace, found a capability call': ({ ask }) => ask('a'),
    'entry 2 of the trace, found one with other names or another payload': ({ ask, surroundings }) => {
      surroundings.random(new Uint8Array(4))
      return ask('b')
    },
    'entry 2 of the trace, found a sleep': ({ surroundings }) => {
      surroundings.random(new Uint8Array(4))
      return surroundings.sleep(1n)
    },
    'the end of the call as entry 3 of the trace, found a capability call': async ({ ask, surroundings }) => {
      surroundings.random(new Uint8Array(4))
      await ask('a')
      await ask('a')
    },
  }
  for (const [message, go] of Object.entries(ways)) {
    const other = begin({ replay })
    try {
      await go(other)
    } catch {}
    expect(other.surroundings.end(), message).toMatchObject({
      failure: 'replay-mismatch',
      message: expect.stringContaining(message),
    })
    expect(() => other.surroundings.wallClock()).toThrow(/Expected/)
    expect(other.operations()).toEqual([])
  }
})

test('A capability call during the start is a fault, and stays one', async () => {
  const pipe: HostPipe = { writer: new FrameWriter(() => {}), open: new Map() }
  const settings = { name: 'actor', grants: [], environment: {}, limits: DEFAULT_LIMITS }
  const surroundings = new CallSurroundings(pipe, settings, { loadId: 1, onWait: () => {}, replay: undefined })
  await expect(surroundings.invoke('', 'x', 'a', new Uint8Array(0))).rejects.toMatchObject({ failure: 'trap' })
  expect(() => surroundings.begin(CALL, false)).toThrow(/while the actor starts/)
  expect(pipe.open.size).toBe(0)
})
