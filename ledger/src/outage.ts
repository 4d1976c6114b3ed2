import { TeapotError } from '@teapot-network/trust'

/** Tells of an outage when it begins, and not each time that it is met. */
export interface OutageTeller {
  met(error: Error): void
  over(): void
}

/** The same code is the same outage, whatever was asked when it was met. */
export function createOutageTeller(tell: ((error: Error) => void) | undefined): OutageTeller {
  let outage: string | undefined
  return {
    met(error) {
      const found = error instanceof TeapotError ? error.code : error.message
      if (found !== outage) tell?.(error)
      outage = found
    },
    over() {
      outage = undefined
    },
  }
}
