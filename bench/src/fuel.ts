import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { FUEL_EXPORT, prepareModule } from '@teapot-network/host/wasm'
import asc from 'assemblyscript/asc'

/** What a kernel is called with: some milliseconds of work, so that some rounds are not disturbed. */
const KERNELS = {
  mandelbrot: 200,
  matrix: 120,
  sieve: 600_000,
  quicksort: 50_000,
  fannkuch: 8,
  fib: 27,
  interpreter: 100_000,
  sha256: 5_000,
  words: 500_000,
} as const

/** A kernel with fuel against the same without. */
export interface FuelFigure {
  readonly kernel: string
  /** Time with fuel, as a multiple of the time without: each the least over rounds in which the two take turns. */
  readonly ratio: number
  readonly plainMs: number
  /** Units per nanosecond of the plain kernel: how well fuel tells time. */
  readonly unitsPerNanosecond: number
}

type Kernel = (n: number) => number

/** Measures what fuel costs on each kernel (budget ×1.25). */
export async function measureFuel(rounds = 100): Promise<FuelFigure[]> {
  const source = await compileKernels()
  const { bytes } = prepareModule(source, { maxPages: 1024, maxTableElements: 1000 })
  const plain = await instantiate(source)
  const metered = await instantiate(bytes)
  const fuel = metered[FUEL_EXPORT] as unknown as { value: bigint }
  return Object.entries(KERNELS).map(([kernel, n]) => {
    const [without, within] = [plain[kernel]!, metered[kernel]!]
    fuel.value = FULL
    const expected = without(n)
    if (within(n) !== expected) throw new Error(`Expected ${kernel} to give ${expected} with fuel too`)
    const units = Number(FULL - fuel.value)
    let plainMs = Number.POSITIVE_INFINITY
    let meteredMs = Number.POSITIVE_INFINITY
    for (let round = 0; round < rounds; round++) {
      fuel.value = FULL
      plainMs = Math.min(plainMs, time(without, n))
      meteredMs = Math.min(meteredMs, time(within, n))
    }
    return {
      kernel,
      plainMs,
      ratio: meteredMs / plainMs,
      unitsPerNanosecond: units / (plainMs * 1e6),
    }
  })
}

const FULL = 1n << 60n

async function instantiate(bytes: Uint8Array<ArrayBuffer>): Promise<Record<string, Kernel>> {
  const { instance } = await WebAssembly.instantiate(bytes)
  const exports = instance.exports as Record<string, Kernel>
  ;(exports['prepare'] as () => void)()
  return exports
}

function time(kernel: Kernel, n: number): number {
  const startedAt = performance.now()
  kernel(n)
  return performance.now() - startedAt
}

async function compileKernels(): Promise<Uint8Array<ArrayBuffer>> {
  const source = readFileSync(fileURLToPath(new URL('../assembly/kernels.ts', import.meta.url)), 'utf8')
  const { binary, stderr } = await asc.compileString(source, { optimizeLevel: 3, runtime: 'stub', use: ['abort='] })
  if (binary === null) throw new Error(`Cannot compile the kernels: ${stderr.toString()}`)
  return new Uint8Array(binary)
}

if (import.meta.main)
  for (const { kernel, ratio, plainMs, unitsPerNanosecond } of await measureFuel())
    process.stdout.write(
      `${kernel.padEnd(12)} ×${ratio.toFixed(2)}  ${plainMs.toFixed(1)} ms  ${unitsPerNanosecond.toFixed(2)} units/ns\n`,
    )
