import { expect } from 'vitest'
import { refusalOf } from './chain.ts'

/** Expects refusals by their custom errors, and keeps which there were. */
export function watchRefusals() {
  const provoked = new Set<string | undefined>()
  return {
    provoked,
    async refuses(call: Promise<unknown>, name: string, args?: unknown[]): Promise<void> {
      const refusal = await refusalOf(call)
      provoked.add(refusal.name)
      expect(refusal.name).toBe(name)
      if (args) expect(refusal.args).toEqual(args)
    },
  }
}
