import { TeapotError } from '@teapot-network/trust'
import type { UntimedEvent } from './output/event.ts'

/** Says a line within a step. `data` is for programs that read `--json`. */
export type Say = (text: string, data?: Record<string, unknown>) => void

/** Steps of the story, told as they run. */
export interface Steps {
  /**
   * Runs one step: it holds when `run` settles, fails when it throws. The error is passed on, since what follows builds on it.
   *
   * @param id its number in the story: `2`, `7a`
   */
  step<Result>(id: string, title: string, run: (say: Say) => Result | Promise<Result>): Promise<Result>
  readonly held: number
  readonly failed: number
}

/** Steps that report to `emit`. */
export function createSteps(emit: (event: UntimedEvent) => void): Steps {
  let held = 0
  let failed = 0
  return {
    async step(id, title, run) {
      const began = performance.now()
      const elapsed = () => Math.round(performance.now() - began)
      emit({ event: 'step', step: id, title })
      try {
        const result = await run((text, data) => emit({ event: 'say', step: id, text, ...(data && { data }) }))
        held++
        emit({ event: 'held', step: id, title, ms: elapsed() })
        return result
      } catch (error) {
        failed++
        emit({ event: 'failed', step: id, title, ms: elapsed(), ...describe(error) })
        throw error
      }
    },
    get held() {
      return held
    },
    get failed() {
      return failed
    },
  }
}

/** Code and message of whatever was thrown. */
export function describe(error: unknown): { code: string; message: string } {
  if (error instanceof TeapotError) return { code: error.code, message: error.message }
  // Node wraps the reason of what was called off.
  if (error instanceof Error && error.name === 'AbortError' && error.cause) return describe(error.cause)
  // The host's errors have the same shape without the class.
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'devnet/unexpected'
  return { code, message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}
