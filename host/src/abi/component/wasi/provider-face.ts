import { decodeMessagePack, encodeMessagePack, type Packable, type Unpacked } from '../../../message-pack.ts'
import { Refusal } from '../refusal.ts'
import type { World } from '../world.ts'

/** Which of several bindings: the only one, or the one of this name. */
const BINDING = 'default'

/** A function of a provider's WASI face, by interface and name: `store.get`; resources go as what identifies them. */
export type ProviderFace = (operation: string, ...args: Packable[]) => Promise<Unpacked>

/** Why a provider, or the host for it, did not do what was asked. */
export interface ProviderError {
  /** Such as `host/capability-denied`; empty when there is none. */
  readonly code: string
  /** With the code. */
  readonly text: string
}

/**
 * Calls a capability as a WASI face (spec/host.md §6): MessagePack arguments in an array, MessagePack of the ok value back.
 * @param toError the interface's own error for what a provider refuses; it is thrown as a Refusal
 */
export function providerFace(
  world: World,
  capability: string,
  toError: (error: ProviderError) => unknown,
): ProviderFace {
  return async (operation, ...args) => {
    try {
      const answer = await world.invoke(BINDING, capability, operation, encodeMessagePack(args))
      return answer.length === 0 ? null : decodeMessagePack(answer)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const text = String(error.payload)
      throw new Refusal(toError({ code: /^[a-z]+\/[a-z-]+(?=: )/.exec(text)?.[0] ?? '', text }))
    }
  }
}

/** Readers of what came as MessagePack. Each throws a TypeError for another kind of value. */
export const as = {
  text: (value: Unpacked | undefined, what: string): string =>
    typeof value === 'string' ? value : wrong('a text', what),
  bytes: (value: Unpacked | undefined, what: string): Uint8Array =>
    value instanceof Uint8Array ? value : wrong('bytes', what),
  natural: (value: Unpacked | undefined, what: string): bigint =>
    (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) && value >= 0
      ? BigInt(value)
      : wrong('a whole number from 0', what),
  list: (value: Unpacked | undefined, what: string): readonly Unpacked[] =>
    Array.isArray(value) ? value : wrong('a list', what),
  map: (value: Unpacked | undefined, what: string): ReadonlyMap<string, Unpacked> =>
    value instanceof Map ? value : wrong('a map', what),
}

function wrong(expected: string, what: string): never {
  throw new TypeError(`Expected ${expected} as ${what}, found something else`)
}
