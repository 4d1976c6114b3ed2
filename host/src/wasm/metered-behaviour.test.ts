import fc from 'fast-check'
import { expect, test } from 'vitest'
import { kernels } from '../testing/kernels.ts'
import { parseWat } from '../testing/parse-wat.ts'
import { randomModule } from './random-module.fixture.ts'
import { FULL, instantiateMetered } from './run-metered.fixture.ts'

/** What a call did: its result or its trap, and all that it left behind. */
interface Outcome {
  readonly result: unknown
  readonly ticks: unknown
  readonly memory: string
}

function observe(exports: Record<string, unknown>, run: () => unknown): Outcome {
  let result: unknown
  try {
    result = run()
  } catch (error) {
    result = error instanceof Error ? error.message : 'an exception'
  }
  const { buffer } = exports['memory'] as WebAssembly.Memory
  const head = Buffer.from(buffer, 0, 512).toString('hex')
  return { result, ticks: (exports['ticks'] as WebAssembly.Global).value, memory: `${buffer.byteLength} ${head}` }
}

const plain = (source: Uint8Array, parameters: number[]): Outcome => {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(source as Uint8Array<ArrayBuffer>), {})
  return observe(exports, () => (exports['f'] as (...parameters: number[]) => number)(...parameters))
}

function metered(source: Uint8Array, parameters: number[], fuel = FULL): { outcome: Outcome; left: number } {
  const instance = instantiateMetered(source)
  const outcome = observe(instance.exports, () => instance.call(parameters, fuel))
  return { outcome, left: instance.left() }
}

test('Random modules do the same with fuel as without, and use the same in every fresh instance', async () => {
  const choices = fc.array(fc.nat(1000), { minLength: 20, maxLength: 400 })
  await fc.assert(
    fc.asyncProperty(choices, fc.integer(), fc.integer(), async (list, a, b) => {
      const source = await parseWat(randomModule(list))
      const without = plain(source, [a, b])
      const { outcome, left } = metered(source, [a, b])
      expect(outcome).toEqual(without)
      expect(metered(source, [a, b])).toEqual({ outcome, left })
      // Each round and each call but the first costs something, and a trap never makes it less.
      expect(FULL - left).toBeGreaterThanOrEqual(Number(without.ticks) - 1)
      if (typeof without.result !== 'number') return
      expect(metered(source, [a, b], FULL - left)).toEqual({ outcome, left: 0 })
      expect(metered(source, [a, b], FULL - left - 1).left).toBeLessThan(0)
    }),
    { numRuns: 400 },
  )
})

test('What a compiler made computes the same with fuel as without', () => {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(kernels), {})
  const first = instantiateMetered(kernels)
  const second = instantiateMetered(kernels)
  const sizes = {
    mandelbrot: 20,
    matrix: 10,
    sieve: 500,
    quicksort: 300,
    fannkuch: 6,
    fib: 12,
    interpreter: 50,
    sha256: 3,
    words: 200,
  }
  for (const instance of [exports, first.exports, second.exports]) (instance['prepare'] as () => void)()
  for (const [name, n] of Object.entries(sizes)) {
    expect((first.exports[name] as (n: number) => number)(n)).toBe((exports[name] as (n: number) => number)(n))
    const used = first.used([n], { name })
    expect(second.used([n], { name })).toBe(used)
    expect(used).toBeGreaterThan(n)
  }
})
