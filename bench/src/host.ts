import { type FuelFigure, measureFuel } from './fuel.ts'
import { type CallFigures, measureCalls } from './host-calls.ts'
import { type ColdStartFigures, measureColdStart } from './host-cold-start.ts'
import { type MemoryFigures, measureMemory } from './host-memory.ts'
import { median } from './host-open.ts'
import { measureSaturation, type SaturationFigures } from './host-saturation.ts'
import { measureSwaps, type SwapFigures } from './host-swap.ts'

/** All that the host is measured by. */
export interface HostFigures {
  readonly calls: CallFigures
  readonly coldStart: ColdStartFigures
  readonly memory: MemoryFigures
  readonly swaps: SwapFigures
  readonly saturation: SaturationFigures
  readonly fuel: readonly FuelFigure[]
}

/** A figure beside its budget, and whether more or less is better. */
interface Line {
  readonly what: string
  readonly found: number | undefined
  readonly budget?: { readonly least: number } | { readonly most: number }
  readonly unit: string
}

/** Measures one thing after another, and tells each as it is known. */
export async function measureHost(say: (line: string) => void): Promise<HostFigures> {
  const tell = <T>(figures: T, lines: (figures: T) => Line[]): T => {
    for (const line of lines(figures)) say(textOf(line))
    return figures
  }
  return {
    calls: tell(await measureCalls(), callLines),
    coldStart: tell(await measureColdStart(), coldStartLines),
    memory: tell(await measureMemory(), memoryLines),
    swaps: tell(await measureSwaps(), swapLines),
    saturation: tell(await measureSaturation(), saturationLines),
    fuel: tell(await measureFuel(), fuelLines),
  }
}

const callLines = (calls: CallFigures): Line[] => [
  { what: 'warm call inside the sandbox', found: calls.sandboxMicros, budget: { most: 2 }, unit: 'µs' },
  { what: 'warm call from the daemon', found: calls.callMicros, budget: { most: 40 }, unit: 'µs' },
  { what: '  with a capability call', found: calls.capabilityCallMicros, unit: 'µs' },
  { what: '  at concurrency 128', found: calls.callsPerSecond, unit: 'calls/s' },
  { what: '  CPU of the daemon a call', found: calls.hostCpuMicros, unit: 'µs' },
  { what: '  CPU of the sandbox a call', found: calls.sandboxCpuMicros, unit: 'µs' },
  { what: 'killed after its deadline', found: calls.killedAfterDeadlineMs, budget: { most: 10 }, unit: 'ms' },
  { what: 'next answer after a kill', found: calls.nextAnswerMs, budget: { most: 60 }, unit: 'ms' },
]

const coldStartLines = (cold: ColdStartFigures): Line[] => [
  { what: 'cold start, core module of 20 KB', found: cold.smallMs, budget: { most: 25 }, unit: 'ms' },
  { what: 'cold start, core module of 2 MB', found: cold.largeMs, budget: { most: 250 }, unit: 'ms' },
  { what: '  prepared before', found: cold.largeCachedMs, unit: 'ms' },
  { what: 'cold start, component', found: cold.componentMs, budget: { most: 400 }, unit: 'ms' },
  { what: '  transpiled before', found: cold.componentCachedMs, unit: 'ms' },
  { what: '  in a sandbox that runs components', found: cold.componentWarmMs, budget: { most: 60 }, unit: 'ms' },
]

const memoryLines = ({ actors, pssMegabytes }: MemoryFigures): Line[] => [
  { what: `${actors} actors loaded and idle`, found: pssMegabytes, budget: { most: 1_000 }, unit: 'MB PSS' },
]

const swapLines = ({ failures, p99Ratio, swapP99Ms }: SwapFigures): Line[] => [
  { what: 'calls that ten swaps failed', found: failures, budget: { most: 0 }, unit: '' },
  { what: 'p99 during swaps', found: swapP99Ms, unit: 'ms' },
  { what: '  over p99 without', found: p99Ratio, budget: { most: 2 }, unit: '×' },
]

const saturationLines = ({ ofPlainNode, ofWorkerd, callsPerSecond }: SaturationFigures): Line[] => [
  { what: 'HTTP calls over plain node:http', found: ofPlainNode, budget: { least: 0.75 }, unit: '×' },
  { what: 'HTTP calls over workerd', found: ofWorkerd, budget: { least: 1.5 }, unit: '×' },
  { what: '  of the host', found: callsPerSecond.host, unit: 'calls/s' },
]

const fuelLines = (fuel: readonly FuelFigure[]): Line[] => [
  { what: 'fuel, median of the kernels', found: median(fuel.map(({ ratio }) => ratio)), unit: '×' },
  {
    what: '  the dearest kernel',
    found: Math.max(...fuel.map(({ ratio }) => ratio)),
    budget: { most: 1.25 },
    unit: '×',
  },
]

function textOf({ what, found, budget, unit }: Line): string {
  const value = found === undefined ? 'not to be had here' : `${Number(found.toPrecision(3))} ${unit}`
  if (budget === undefined || found === undefined) return `${what.padEnd(36)} ${value}`
  const [held, bound] =
    'most' in budget ? [found <= budget.most, `≤ ${budget.most}`] : [found >= budget.least, `≥ ${budget.least}`]
  return `${what.padEnd(36)} ${value.padEnd(16)} (budget ${bound})${held ? '' : ' OVER'}`
}
