import { encode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PROVIDER_ENTRIES } from '../../boot/build-image.ts'
import type { DaemonServices } from '../provider.ts'
import type { ProviderSupervisor } from '../supervisor.ts'
import { askBytes, openWorkbench, type Workbench } from '../testing/open-providers.fixture.ts'

/** The daemon's services as far as junk gets to them. */
const services: DaemonServices = {
  putBlock: async () => 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy',
  getBlock: async () => new Uint8Array(0),
  dropBlock: async () => {},
  callActor: async () => new Uint8Array(0),
}
const SETTINGS = { allow: 'http://127.0.0.1:1', url: 'redis://127.0.0.1:1', subscribe: '>' }

const text = fc.oneof(
  fc.constantFrom('', 'a', 'default', '__proto__', 'constructor', 'http://127.0.0.1:1/'),
  fc.string({ maxLength: 20 }),
)
const anything = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    ...[text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.uint8Array({ maxLength: 9 })],
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.date(),
    fc.array(tie('any'), { maxLength: 5 }),
    fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      tie('any'),
      { maxKeys: 5, noNullPrototype: true },
    ),
  ),
})).any
const FIELDS =
  'key keys value expires start stop method path header body subject replyTo timeout id container guid min max level'.split(
    ' ',
  )
const nearly = fc.dictionary(fc.constantFrom(...FIELDS), anything, { noNullPrototype: true })
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  ...[anything, nearly, fc.array(anything, { maxLength: 6 })].map((values) =>
    values.map((value) => encode(value, { useBigInt64: true })),
  ),
)

describe.each(Object.entries(PROVIDER_ENTRIES))('%s', (name, { grants }) => {
  let bench: Workbench
  let supervisor: ProviderSupervisor
  beforeAll(async () => {
    bench = await openWorkbench(name)
    supervisor = bench.supervise({ services })
    await supervisor.load(bench.image(name, { grants }))
  })
  afterAll(async () => {
    await supervisor?.[Symbol.asyncDispose]()
    await bench[Symbol.asyncDispose]()
  })

  test('Junk to any operation is answered, or refused by a code that is not ours to be ashamed of, and never ends the process', async () => {
    const { pid, capabilities } = supervisor.list()[0]!
    const operations = Object.entries(capabilities).flatMap(([capability, names]) =>
      names.map((operation) => ({ capability, operation })),
    )
    expect(operations.length).toBeGreaterThan(0)
    const runs = { numRuns: 150 * operations.length }
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...operations), payload, async ({ capability, operation }, bytes) => {
        const asked = { capability, settings: SETTINGS }
        try {
          await askBytes(supervisor, operation, bytes, asked)
        } catch (error) {
          const { code } = error as { code: string }
          expect(code).toMatch(/^provider\//)
          expect(code, (error as Error).message).not.toMatch(/failed|lost|bad-frame/)
        }
      }),
      { ...runs, interruptAfterTimeLimit: 20_000 },
    )
    expect(supervisor.list()[0]).toMatchObject({ pid, restarts: 0 })
  }, 120_000)
})
