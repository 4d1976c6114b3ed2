import { decode, encode } from '@msgpack/msgpack'
import { ProviderRefusal } from '../provider.ts'

/** Reads the fields of a waSCC request: a MessagePack map with camelCase text keys. */
export class Request {
  readonly #fields: Record<string, unknown>

  /** @throws ProviderRefusal `provider/malformed-payload` when the bytes are not exactly one such map */
  constructor(payload: Uint8Array) {
    let value: unknown
    try {
      value = decode(payload)
    } catch (cause) {
      throw new ProviderRefusal(
        'provider/malformed-payload',
        `Expected MessagePack, found ${(cause as Error).message}`,
        {
          cause,
        },
      )
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
      throw malformed('a map', value)
    this.#fields = value as Record<string, unknown>
  }

  text(name: string): string {
    const value = this.#field(name)
    if (typeof value !== 'string') throw malformed(`a text as ${name}`, value)
    return value
  }

  /** A whole number of 32 bits. */
  integer(name: string): number {
    const value = this.#field(name)
    if (typeof value !== 'number' || (value | 0) !== value)
      throw malformed(`a whole number of 32 bits as ${name}`, value)
    return value
  }

  texts(name: string): string[] {
    const value = this.#field(name)
    if (!Array.isArray(value) || value.length > 256 || !value.every((item) => typeof item === 'string'))
      throw malformed(`at most 256 texts as ${name}`, value)
    return value
  }

  #field(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined
  }
}

/** Encodes a waSCC response. */
export function respond(fields: Record<string, unknown>): Uint8Array {
  return encode(fields)
}

function malformed(expected: string, found: unknown): ProviderRefusal {
  const what = found === undefined ? 'nothing' : Array.isArray(found) ? 'an array' : `a ${typeof found}`
  return new ProviderRefusal('provider/malformed-payload', `Expected ${expected}, found ${what}`)
}
