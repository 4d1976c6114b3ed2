import { parseWat } from '../testing/parse-wat.ts'
import { FUEL_EXPORT } from './fuel-gauge.ts'
import { prepareModule } from './prepare-module.ts'

type Run = (...parameters: number[]) => number

/** A metered instance, and what its calls use. */
export interface Metered {
  readonly exports: Record<string, unknown>
  /** What is left; below zero it was not enough. */
  left(): number
  /** Calls `f` with this much fuel. @throws whatever it traps with */
  call(parameters: number[], fuel: number): number
  /** Calls `f`, or another export. @returns what it used. @throws whatever it traps with */
  used(parameters?: number[], options?: { fuel?: number; name?: string }): number
}

export const FULL = 1_000_000_000
export const SETTINGS = { maxPages: 64, maxTableElements: 1_000 }

/** Instantiates a module after the pass, with these functions of `host` to import. */
export function instantiateMetered(source: Uint8Array, imports: Record<string, Run> = {}): Metered {
  const module = new WebAssembly.Module(prepareModule(source, SETTINGS).bytes)
  const { exports } = new WebAssembly.Instance(module, { host: imports })
  const counter = exports[FUEL_EXPORT] as WebAssembly.Global
  return {
    exports,
    left: () => Number(counter.value),
    call(parameters, fuel) {
      counter.value = BigInt(fuel)
      return (exports['f'] as Run)(...parameters)
    },
    used(parameters = [], { fuel = FULL, name = 'f' } = {}) {
      counter.value = BigInt(fuel)
      ;(exports[name] as Run)(...parameters)
      return fuel - Number(counter.value)
    },
  }
}

/** The same for the fields of a module in text; {@link Metered.used} calls `f`. */
export async function meter(fields: string): Promise<Metered> {
  return instantiateMetered(await parseWat(`(module ${fields})`), { nothing: () => 0 })
}
