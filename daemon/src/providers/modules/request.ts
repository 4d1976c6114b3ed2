import { type Operation, type ProviderCall, ProviderRefusal } from '../provider.ts'
import { decodeFirst, encodeValue } from './messagepack.ts'

/**
 * Reads the fields of a request. waSCC sends a MessagePack map with camelCase text keys; actors of its first years send the
 * same as an array in the order of the fields, and bytes as an array of numbers: both are understood. WASI arguments are an
 * array in the order of the WIT signature.
 */
export class Request {
  /** Whether the fields came as an array: then the answer is one too. */
  readonly positional: boolean
  readonly #fields: Readonly<Record<string, unknown>>

  /**
   * @param names the fields in their order
   * @throws ProviderRefusal `provider/malformed-payload` when the value is neither a map nor an array
   */
  constructor(value: unknown, names: readonly string[]) {
    this.positional = Array.isArray(value)
    if (Array.isArray(value)) this.#fields = Object.fromEntries(names.map((name, index) => [name, value[index]]))
    else if (isMap(value)) this.#fields = value
    else throw malformed('a map', value)
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
    return value.map((pair: unknown) => {
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
    const value = this.#field(name) ?? {}
    if (!isMap(value) || !Object.values(value).every((item) => typeof item === 'string'))
      throw malformed(`a map of texts as ${name}`, value)
    return value as Record<string, string>
  }

  /** The fields of a map or array inside. */
  inner(name: string, names: readonly string[]): Request {
    return new Request(this.#field(name), names)
  }

  /** `null` and absent are the same. */
  #field(name: string): unknown {
    return (Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined) ?? undefined
  }
}

/** An operation of a waSCC capability: `fields` in their order, and what answers them, a map with its fields in theirs. */
export function wascc(
  fields: readonly string[],
  run: (request: Request, call: ProviderCall) => Promise<Record<string, unknown>> | Record<string, unknown>,
): Operation {
  return async (call) => {
    const request = new Request(decodeFirst(call.payload), fields)
    const answer = await run(request, call)
    return encodeValue(request.positional ? Object.values(answer) : answer)
  }
}

/** A function of a WASI interface: its parameters in their order, and what answers it. */
export function wasi(parameters: readonly string[], run: (request: Request, call: ProviderCall) => unknown): Operation {
  return async (call) => {
    const request = new Request(decodeFirst(call.payload), parameters)
    if (!request.positional) throw malformed(`an array of ${parameters.length} arguments`, {})
    return encodeValue((await run(request, call)) ?? null)
  }
}

/** A refusal that says what was expected and what kind of thing came. @returns the error, to be thrown */
export function malformed(expected: string, found: unknown): ProviderRefusal {
  const what = found === undefined ? 'nothing' : Array.isArray(found) ? 'an array' : `a ${typeof found}`
  return new ProviderRefusal('provider/malformed-payload', `Expected ${expected}, found ${what}`)
}

function isMap(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    Object.getPrototypeOf(value) === Object.prototype
  )
}

function asBytes(name: string, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return Buffer.from(value)
  if (Array.isArray(value) && value.every((item) => Number.isInteger(item) && item >= 0 && item < 256))
    return Uint8Array.from(value)
  throw malformed(`bytes as ${name}`, value)
}
