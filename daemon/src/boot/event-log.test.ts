import { execFile } from 'node:child_process'
import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  type Digest,
  type Entry,
  EntryKind,
  encodeGrants,
  entryDigest,
  extendPcr,
  fromHex,
  PCR_C,
  PCR_R,
  parseEventLog,
  replayEventLog,
  toHex,
} from '@teapot-network/trust'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { extendTpm, readPcrs } from '../tpm/pcrs.ts'
import { createSwtpm, type Swtpm } from '../tpm/swtpm.fixture.ts'
import { createTpm, type Tpm } from '../tpm/tpm.ts'
import { type EventLog, openEventLog, type PcrBank } from './event-log.ts'

const FIXTURE = join(import.meta.dirname, 'measure.fixture.ts')
let swtpm: Swtpm
let tpm: Tpm
let folder: string
let file: string

beforeAll(async () => {
  swtpm = await createSwtpm()
  folder = await mkdtemp(join(tmpdir(), 'teapot-log-'))
})
beforeEach(async () => {
  await tpm?.[Symbol.asyncDispose]()
  await swtpm.kill('SIGTERM')
  await swtpm.start()
  tpm = createTpm({ socket: swtpm.socket })
  file = join(folder, 'event-log.cel')
  await rm(file, { force: true })
})
afterAll(async () => {
  await tpm?.[Symbol.asyncDispose]()
  await swtpm?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

function entry(kind: EntryKind, name: string, byte: number, capabilities?: string[]): Entry {
  const grants = capabilities ? encodeGrants(capabilities) : new Uint8Array()
  return { kind, name, sha256: toHex(new Uint8Array(32).fill(byte)), grants }
}

/** The log on disk replays to what the TPM holds. */
async function expectTrue(log: EventLog): Promise<void> {
  expect(toHex(await readFile(file))).toBe(toHex(log.bytes()))
  const { r, c } = replayEventLog(parseEventLog(log.bytes()))
  const pcrs = await readPcrs(tpm)
  expect({ r, c }).toEqual({ r: toHex(pcrs.get(PCR_R)!), c: toHex(pcrs.get(PCR_C)!) })
}

describe('measuring', () => {
  test('extends launcher and runtime into R and all else into C, so that the log replays to both', async () => {
    await using log = await openEventLog(file, tpm)
    for (const [i, kind] of [EntryKind.launcher, EntryKind.runtime, EntryKind.policy, EntryKind.actor].entries()) {
      expect(await log.measure(entry(kind, `name-${i}`, i))).toBe(true)
    }
    expect(log.records().map(({ pcr }) => pcr)).toEqual([PCR_R, PCR_R, PCR_C, PCR_C])
    await expectTrue(log)
  })

  test('takes each pair of an actor and its grants once in a boot, also across restarts of the daemon', async () => {
    const twice = async (log: EventLog): Promise<boolean[]> => [
      await log.measure(entry(EntryKind.actor, 'hello', 1, ['keyvalue'])),
      await log.measure(entry(EntryKind.actor, 'hello', 1, ['http', 'keyvalue'])),
      await log.measure(entry(EntryKind.actor, 'hello', 2, ['keyvalue'])),
    ]
    {
      await using log = await openEventLog(file, tpm)
      expect([...(await twice(log)), ...(await twice(log))]).toEqual([true, true, true, false, false, false])
    }
    await using log = await openEventLog(file, tpm)
    expect(await twice(log)).toEqual([false, false, false])
    await expectTrue(log)
  })

  test.each([EntryKind.provider, EntryKind.policy])(
    'takes an entry of kind %i again whenever it is not the last under its name',
    async (kind) => {
      await using log = await openEventLog(file, tpm)
      const taken = []
      for (const byte of [1, 1, 2, 1]) taken.push(await log.measure(entry(kind, 'kv', byte)))
      taken.push(await log.measure(entry(kind, 'other', 9)), await log.measure(entry(kind, 'kv', 1)))
      expect(taken).toEqual([true, false, true, true, true, false])
    },
  )

  test('does one after the other, whatever comes at once', async () => {
    await using log = await openEventLog(file, tpm)
    const entries = Array.from({ length: 20 }, (_, i) => entry(EntryKind.actor, `actor-${i % 10}`, i % 10))
    const taken = await Promise.all(entries.map((item) => log.measure(item)))
    expect(taken.filter(Boolean)).toHaveLength(10)
    await expectTrue(log)
  })

  test('refuses a page, which runs on no box', async () => {
    await using log = await openEventLog(file, tpm)
    await expect(log.measure(entry(EntryKind.page, 'shop', 1))).rejects.toMatchObject({ code: 'boot/not-measurable' })
    expect(log.bytes()).toHaveLength(0)
  })
})

describe('after an interruption', () => {
  const run = (...args: string[]) => promisify(execFile)(process.execPath, [FIXTURE, swtpm.socket, file, ...args])

  test.each(['before-extend', 'after-extend'])(
    'a process killed %s leaves a log that the next one makes true',
    async (point) => {
      await expect(run(point, '3')).rejects.toMatchObject({ signal: 'SIGKILL' })
      const { c } = replayEventLog(parseEventLog(await readFile(file)))
      expect(toHex((await readPcrs(tpm)).get(PCR_C)!) === c).toBe(point === 'after-extend')
      await using log = await openEventLog(file, tpm)
      expect(log.records()).toHaveLength(3)
      await expectTrue(log)
      expect(await log.measure(entry(EntryKind.actor, 'actor-2', 2))).toBe(false)
    },
  )

  test('a full disk refuses the entry, extends nothing, and leaves the log as it was', async () => {
    const { stdout } = await promisify(execFile)('prlimit', [
      ...['--fsize=1000', process.execPath, FIXTURE, swtpm.socket, file, 'never', '20'],
    ])
    const [code, whole] = stdout.trim().split(' ')
    expect(code).toBe('boot/log-not-written')
    await using log = await openEventLog(file, tpm)
    expect(log.records()).toHaveLength(Number(whole))
    expect((await stat(file)).size).toBe(log.bytes().length)
    await expectTrue(log)
    expect(await log.measure(entry(EntryKind.actor, 'last', 99))).toBe(true)
  })

  test.each<[string, (abort: () => void) => unknown]>([
    ['command', (abort) => abort()],
    // By then the command has gone out, and no answer was read yet.
    ['answer', (abort) => setImmediate(abort)],
  ])('a TPM whose %s was lost is asked before anything more is extended', async (_, lose) => {
    const stop = new AbortController()
    const bank: PcrBank = {
      read: (signal) => readPcrs(tpm, signal),
      extend: (pcr, digest, signal) => {
        if (signal) lose(() => stop.abort())
        return extendTpm(tpm, pcr, digest, signal)
      },
    }
    await using log = await openEventLog(file, bank)
    await log.measure(entry(EntryKind.actor, 'first', 1))
    await expect(log.measure(entry(EntryKind.actor, 'second', 2), stop.signal)).rejects.toThrow('aborted')
    await log.measure(entry(EntryKind.actor, 'third', 3))
    expect(log.records()).toHaveLength(3)
    await expectTrue(log)
  })

  test('a record that was not wholly written is cut', async () => {
    const whole = await measured(2)
    await appendFile(file, whole.subarray(0, 70))
    await using log = await openEventLog(file, tpm)
    expect(log.records()).toHaveLength(2)
    await expectTrue(log)
  })

  test('a log that was never begun is taken for the log of a fresh boot', async () => {
    await writeFile(file, Uint8Array.of(0xa4, 0x00))
    await using log = await openEventLog(file, tpm)
    await expectTrue(log)
  })
})

describe('a log that tells another story than the PCRs is refused, and left as it is', () => {
  test.each<[string, (whole: Uint8Array) => Promise<unknown>]>([
    ['shortened by a record', (whole) => truncate(file, whole.length / 3)],
    ['shortened within a record that was extended', (whole) => truncate(file, whole.length - 1)],
    ['removed', () => rm(file)],
    [
      'altered in a digest',
      (whole) =>
        writeFile(
          file,
          whole.map((byte, i) => (i === 12 ? byte ^ 1 : byte)),
        ),
    ],
    ['with two entries more than were extended', async () => appendMore(2)],
    ['with one entry more and a piece of another', async () => appendMore(1, 50)],
  ])('%s', async (_, alter) => {
    const whole = await measured(3)
    await alter(whole)
    const before = await readFile(file).catch(() => Buffer.alloc(0))
    await expect(openEventLog(file, tpm)).rejects.toMatchObject({ code: 'boot/log-mismatch', kind: 'fault' })
    expect(toHex(await readFile(file))).toBe(toHex(before))
  })

  test('of another boot', async () => {
    await measured(2)
    await tpm[Symbol.asyncDispose]()
    await swtpm.kill('SIGTERM')
    await swtpm.start()
    tpm = createTpm({ socket: swtpm.socket })
    await expect(openEventLog(file, tpm)).rejects.toMatchObject({ code: 'boot/log-mismatch' })
  })

  test('with entries that someone extended behind its back', async () => {
    await measured(1)
    const elsewhere = join(folder, 'elsewhere.cel')
    await writeFile(elsewhere, await readFile(file))
    {
      await using log = await openEventLog(elsewhere, tpm)
      await log.measure(entry(EntryKind.actor, 'hidden', 7))
    }
    await expect(openEventLog(file, tpm)).rejects.toMatchObject({ code: 'boot/log-mismatch' })
  })
})

test('wherever it is interrupted, the log is true again after the next start', async () => {
  const step = fc.record({
    byte: fc.integer({ min: 0, max: 5 }),
    crash: fc.constantFrom('none', 'before-extend', 'after-extend', 'torn'),
    torn: fc.integer({ min: 1, max: 140 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await rm(file, { force: true })
      const bank = memoryBank()
      let log = await openEventLog(file, bank)
      for (const { byte, crash, torn } of steps) {
        bank.crash = crash
        await log.measure(entry(EntryKind.policy, 'appraisal', byte)).catch(() => {})
        bank.crash = 'none'
        if (crash === 'none') continue
        await log[Symbol.asyncDispose]()
        if (crash === 'torn') await appendFile(file, log.bytes().subarray(0, torn))
        log = await openEventLog(file, bank)
        const { r, c } = replayEventLog(parseEventLog(await readFile(file)))
        expect([r, c]).toEqual([bank.values[PCR_R], bank.values[PCR_C]])
      }
      await log[Symbol.asyncDispose]()
    }),
    { numRuns: 40 },
  )
})

/** Measures some actors and gives the log. */
async function measured(count: number): Promise<Uint8Array> {
  await using log = await openEventLog(file, tpm)
  for (let i = 0; i < count; i++) await log.measure(entry(EntryKind.actor, `actor-${i}`, i))
  return log.bytes()
}

/** Adds records that never reached the TPM. */
async function appendMore(count: number, pieceBytes = 0): Promise<void> {
  const bank = memoryBank()
  for (const { pcr, digest } of parseEventLog(await readFile(file))) await bank.extend(pcr, toHex(digest))
  await using log = await openEventLog(file, bank)
  for (let i = 0; i < count; i++) await log.measure(entry(EntryKind.actor, `more-${i}`, i))
  await appendFile(file, log.bytes().subarray(0, pieceBytes))
}

/** Two PCRs in memory, for interruptions that a real TPM cannot be asked for. */
function memoryBank(): PcrBank & { values: Record<number, Digest>; crash: string } {
  const zero = toHex(new Uint8Array(32))
  const bank = {
    values: { [PCR_R]: zero, [PCR_C]: zero } as Record<number, Digest>,
    crash: 'none',
    read: async () => new Map([PCR_R, PCR_C].map((pcr) => [pcr, fromHex(bank.values[pcr]!)])),
    extend: async (pcr: number, digest: Digest) => {
      if (bank.crash === 'before-extend') throw new Error('crash')
      bank.values[pcr] = extendPcr(bank.values[pcr]!, digest)
      if (bank.crash === 'after-extend') throw new Error('crash')
    },
  }
  return bank
}

test('the digest in the log is the one the ledger knows', async () => {
  await using log = await openEventLog(file, tpm)
  const actor = entry(EntryKind.actor, 'hello', 1, ['keyvalue'])
  await log.measure(actor)
  expect(toHex(log.records()[0]!.digest)).toBe(entryDigest(actor))
})
