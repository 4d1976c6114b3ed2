import { ProviderRefusal } from '../../provider.ts'
import type { Bounds } from './store.ts'

/**
 * Adds to a number as it is stored: decimal, without leading zeros or a plus.
 * @throws ProviderRefusal `provider/not-a-number`
 */
export function sumOf(key: string, before: Uint8Array | undefined, delta: bigint, bounds: Bounds): bigint {
  const text = before === undefined ? '0' : Buffer.from(before).toString('latin1')
  if (text.length > 20 || !/^(0|-?[1-9][0-9]*)$/.test(text)) throw notANumber(key, 'what stands there', bounds)
  const sum = BigInt(text) + delta
  if (sum < bounds.least || sum > bounds.most) throw notANumber(key, String(sum), bounds)
  return sum
}

/** The refusal of {@link sumOf}. */
export function notANumber(key: string, found: string, { least, most }: Bounds): ProviderRefusal {
  return new ProviderRefusal(
    'provider/not-a-number',
    `Expected the sum under ${key} to be a whole number from ${least} to ${most}, found ${found}`,
  )
}
