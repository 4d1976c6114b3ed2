import { type Hex, toHex } from './bytes.ts'
import { type CborValue, decodeCbor } from './cbor.ts'
import { TeapotError } from './teapot-error.ts'

/** Reads the fields of one decoded CBOR format; each method throws the format's `code` and names the field. */
export interface Shape {
  /** The one item that these bytes are. */
  decode(bytes: Uint8Array): CborValue
  /** A text-keyed map with exactly these keys, and of the optional ones whichever. */
  map(
    value: CborValue | undefined,
    name: string,
    keys: readonly string[],
    optional?: readonly string[],
  ): Map<number | string, CborValue>
  array(value: CborValue | undefined, name: string, length?: number): CborValue[]
  bytes(value: CborValue | undefined, name: string, length?: number): Uint8Array
  /** A byte string of `length` bytes as {@link Hex}. */
  hex(value: CborValue | undefined, name: string, length?: number): Hex
  /** An unsigned integer up to 2^53 - 1. */
  uint(value: CborValue | undefined, name: string): number
  text(value: CborValue | undefined, name: string): string
  /** One of the listed texts. */
  oneOf<T extends string>(value: CborValue | undefined, name: string, allowed: readonly T[]): T
  boolean(value: CborValue | undefined, name: string): boolean
  refuse(name: string, expected: string, found: string): never
}

/**
 * The field reader of one format.
 * @param code the error code thrown, e.g. `evidence/malformed`
 * @param what the format's name in messages, e.g. `evidence`
 */
export function shapeOf(code: string, what: string): Shape {
  const refuse = (name: string, expected: string, found: string): never => {
    throw new TeapotError(code, `Cannot read ${what}: expected ${expected} in '${name}', found ${found}`)
  }
  const shape: Shape = {
    refuse,
    decode(bytes) {
      try {
        return decodeCbor(bytes)
      } catch (cause) {
        throw new TeapotError(code, `Cannot read ${what}: ${(cause as Error).message}`, { cause })
      }
    },
    map(value, name, keys, optional = []) {
      if (!(value instanceof Map)) return refuse(name, 'a map', kindOf(value))
      for (const key of keys) if (!value.has(key)) refuse(name, `the field '${key}'`, 'none')
      const known: readonly unknown[] = [...keys, ...optional]
      for (const key of value.keys()) if (!known.includes(key)) refuse(name, known.join(', '), `'${key}'`)
      return value
    },
    array(value, name, length) {
      if (!Array.isArray(value)) return refuse(name, 'an array', kindOf(value))
      if (length !== undefined && value.length !== length) refuse(name, `${length} items`, `${value.length}`)
      return value
    },
    bytes(value, name, length) {
      if (!(value instanceof Uint8Array)) return refuse(name, 'a byte string', kindOf(value))
      if (length !== undefined && value.length !== length) refuse(name, `${length} bytes`, `${value.length}`)
      return value
    },
    hex: (value, name, length) => toHex(shape.bytes(value, name, length)),
    uint(value, name) {
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
        return refuse(name, 'an unsigned integer', kindOf(value))
      }
      return value
    },
    text: (value, name) => (typeof value === 'string' ? value : refuse(name, 'a text', kindOf(value))),
    oneOf: (value, name, allowed) =>
      allowed.find((item) => item === value) ?? refuse(name, allowed.join(' or '), kindOf(value)),
    boolean: (value, name) => (typeof value === 'boolean' ? value : refuse(name, 'true or false', kindOf(value))),
  }
  return shape
}

function kindOf(value: CborValue | undefined): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (value instanceof Map) return 'a map'
  return typeof value === 'string' ? `'${value.slice(0, 40)}'` : String(value)
}
