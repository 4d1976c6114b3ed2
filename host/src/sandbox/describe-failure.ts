import { GuestFault } from '../abi/guest-fault.ts'
import type { Guest, Surroundings } from '../abi/program.ts'
import type { Failure } from '../messages.ts'

/** How a call or load failed, from what was thrown and the state of the instance that threw it (none: it never was one). */
export function describeFailure(
  error: unknown,
  guest: Guest | undefined,
  limits: Surroundings['limits'],
): { failure: Failure; text: string } {
  if (guest?.exhausted)
    return {
      failure: 'fuel-exhausted',
      text: `Expected a call within ${limits.fuel} units of fuel, found one that needs more; do less in a call, or ask for a higher limit`,
    }
  const { failure, text } = classify(error, guest?.memoryBytes ?? 0, limits.memoryPages * 65_536)
  return { failure, text: guest?.error ? `${text}: ${guest.error}` : text }
}

/** An instance that failed at half of its memory or more ran out of it: a guest only ever sees that it got none. */
function classify(error: unknown, memoryBytes: number, limitBytes: number): { failure: Failure; text: string } {
  if (error instanceof GuestFault && error.failure !== 'trap') return { failure: error.failure, text: error.message }
  const text = error instanceof Error ? `${error.name}: ${error.message}${placesOf(error)}` : 'an exception of its own'
  if (error instanceof RangeError && /call stack/i.test(error.message)) return { failure: 'stack-overflow', text }
  if (memoryBytes * 2 >= limitBytes)
    return { failure: 'out-of-memory', text: `${text}, with ${memoryBytes} of ${limitBytes} bytes of memory in use` }
  if (error instanceof RangeError && /memory/i.test(error.message)) return { failure: 'out-of-memory', text }
  return { failure: 'trap', text }
}

const PLACES = 3

/** Where in the module it happened, innermost first: `at wasm-function[7]:0x1a2`, by offsets in the prepared module. */
function placesOf({ stack = '' }: Error): string {
  const places = [...stack.matchAll(/wasm-function\[\d+\]:0x[0-9a-f]+/g)].slice(0, PLACES)
  return places.map(([place]) => ` at ${place}`).join('')
}
