import { ProviderRefusal } from '../../provider.ts'

/** What one operation reads at most, over all its texts; an answer is smaller still, but an intersection reads more than it gives. */
export const MOST_READ_BYTES = 8 << 20
/** What a text takes beside its letters. */
export const TEXT_BYTES = 64

/** Passes on what is read as long as it is not too much: the process serves all actors. @throws ProviderRefusal `provider/response-too-large` */
export function createReadBudget(): <T extends string | Uint8Array | undefined>(found: T) => T {
  let left = MOST_READ_BYTES
  return (found) => {
    left -= TEXT_BYTES + (found?.length ?? 0)
    if (left < 0) throw tooMuch()
    return found
  }
}

/** The refusal of what is more than may be read at once. */
export function tooMuch(): ProviderRefusal {
  return new ProviderRefusal(
    'provider/response-too-large',
    `Expected at most ${MOST_READ_BYTES} bytes to be read at once, each text with ${TEXT_BYTES} more, found more; ask for less`,
  )
}
