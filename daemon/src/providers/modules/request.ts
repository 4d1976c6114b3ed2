import {
  decodeFirstMessagePack,
  encodeMessagePack,
  type Packable,
  type Unpacked,
} from '@teapot-network/host/message-pack'
import { type Operation, type ProviderCall, ProviderRefusal } from '../provider.ts'

/**
 * Reads the fields of a request. waSCC sends a MessagePack map with camelCase text keys; actors of its first years send the
 * same as an array in the order of the fields, and bytes as an array of numbers: both are understood. WASI arguments are an
 * array in the order of the WIT signature.
 */
export class Request {
  /** Whether the fields came as an array: then the answer is one too. */
  readonly positional: boolean
  readonly #fields: ReadonlyMap<string, Unpacked | undefined>

  /**
   * @param names the fields in their order
   * @throws ProviderRefusal `provider/malformed-payload` when the value is neither a map nor an array
   */
  constructor(value: Unpacked | undefined, names: readonly string[]) {
    this.positional = Array.isArray(value)
    if (Array.isArray(value)) this.#fields = new Map(names.map((name, index) => [name, value[index]]))
    else if (value instanceof Map) this.#fields = value
    else throw malformed('a map', value)
  }

  /** Reads a payload, MessagePack; what follows its first value is left alone. @throws ProviderRefusal `provider/malformed-payload` */
  static parse(payload: Uint8Array, names: readonly string[]): Request {
    let value: Unpacked
    try {
      value = decodeFirstMessagePack(payload)
    } catch (cause) {
      throw new ProviderRefusal('provider/malformed-payload', (cause as Error).message, { cause })
    }
    return new Request(value, names)
  }

  text(name: string): string {
    const value = this.#field(name)
    if (typeof value !== 'string') throw malformed(`a text as ${name}`, value)
    return value
  }

  /** A text, or nothing. */
  optionalText(name: string): string | undefined {
    return this.#field(name) === undefined ? undefined : this.text(name)
  }

  /** A whole number of 32 bits with a sign. */
  integer(name: string): number {
    const value = this.#field(name)
    const number = typeof value === 'bigint' ? Number(value) : value
    if (typeof number !== 'number' || (number | 0) !== number)
      throw malformed(`a whole number of 32 bits as ${name}`, value)
    return number
  }

  /** A whole number from 0 up to `most`. */
  natural(name: string, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.#field(name)
    const number = typeof value === 'bigint' ? Number(value) : value
    if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0 || number > most)
      throw malformed(`a whole number from 0 to ${most} as ${name}`, value)
    return number
  }

  optionalNatural(name: string, most?: number): number | undefined {
    return this.#field(name) === undefined ? undefined : this.natural(name, most)
  }

  /** A whole number of 64 bits. */
  big(name: string): bigint {
    const value = this.#field(name)
    if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) return BigInt(value)
    throw malformed(`a whole number as ${name}`, value)
  }

  /** Bytes, also as an array of numbers or as a text. */
  bytes(name: string): Uint8Array {
    return asBytes(name, this.#field(name))
  }

  /** Bytes, or nothing. */
  optionalBytes(name: string): Uint8Array | undefined {
    return this.#field(name) === undefined ? undefined : this.bytes(name)
  }

  /** At most 256 texts. */
  texts(name: string): string[] {
    const value = this.#field(name)
    if (!Array.isArray(value) || value.length > 256 || !value.every((item) => typeof item === 'string'))
      throw malformed(`at most 256 texts as ${name}`, value)
    return value
  }

  /** At most 256 pairs of a text and bytes. */
  pairs(name: string): [string, Uint8Array][] {
    const value = this.#field(name)
    if (!Array.isArray(value) || value.length > 256) throw malformed(`at most 256 pairs as ${name}`, value)
    return value.map((pair) => {
      if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== 'string')
        throw malformed(`pairs of a text and bytes as ${name}`, pair)
      return [pair[0], asBytes(name, pair[1])]
    })
  }

  optionalPairs(name: string): [string, Uint8Array][] {
    return this.#field(name) === undefined ? [] : this.pairs(name)
  }

  /** A map of texts; none counts as empty. */
  textMap(name: string): Record<string, string> {
    const value = this.#field(name) ?? new Map()
    if (!(value instanceof Map) || ![...value.values()].every((item) => typeof item === 'string'))
      throw malformed(`a map of texts as ${name}`, value)
    return Object.fromEntries(value)
  }

  /** The fields of a map or array inside. */
  inner(name: string, names: readonly string[]): Request {
    return new Request(this.#field(name), names)
  }

  /** `null` and absent are the same. */
  #field(name: string): Unpacked | undefined {
    return this.#fields.get(name) ?? undefined
  }
}

/** An operation of a waSCC capability: `fields` in their order, and what answers them, a map with its fields in theirs. */
export function wascc(
  fields: readonly string[],
  run: (request: Request, call: ProviderCall) => Promise<Record<string, Packable>> | Record<string, Packable>,
): Operation {
  return async (call) => {
    const request = Request.parse(call.payload, fields)
    const answer = await run(request, call)
    return encodeMessagePack(request.positional ? Object.values(answer) : answer)
  }
}

/** A function of a WASI interface: its parameters in their order, and what answers it. */
export function wasi(parameters: readonly string[], run: (request: Request, call: ProviderCall) => unknown): Operation {
  return async (call) => {
    const request = Request.parse(call.payload, parameters)
    if (!request.positional) throw malformed(`an array of ${parameters.length} arguments`, {})
    return encodeMessagePack((await run(request, call)) as Packable)
  }
}

/** A refusal that says what was expected and what kind of thing came. @returns the error, to be thrown */
export function malformed(expected: string, found: unknown): ProviderRefusal {
  const what = found === undefined ? 'nothing' : Array.isArray(found) ? 'an array' : `a ${typeof found}`
  return new ProviderRefusal('provider/malformed-payload', `Expected ${expected}, found ${what}`)
}

function asBytes(name: string, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return Buffer.from(value)
  if (Array.isArray(value) && value.every((item) => Number.isInteger(item) && item >= 0 && item < 256))
    return Uint8Array.from(value)
  throw malformed(`bytes as ${name}`, value)
}
