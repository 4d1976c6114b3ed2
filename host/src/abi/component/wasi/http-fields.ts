import { GuestFault } from '../../guest-fault.ts'
import { refuse } from '../refusal.ts'
import { Resource } from '../resource.ts'
import type { World } from '../world.ts'

/** A field as it is sent: several may have one name. */
export type Field = readonly [name: string, value: Uint8Array]

/** variant header-error { invalid-syntax, forbidden, immutable } */
type HeaderError = { readonly tag: 'invalid-syntax' | 'forbidden' | 'immutable' }

/** What a field costs beside its letters. */
const FIELD_BYTES = 64
const MOST_FIELDS = 1_024
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** Of one connection alone (RFC 9110 §7.6.1), or the server's own to tell. */
const FORBIDDEN = new Set(
  'connection host http2-settings keep-alive proxy-authenticate proxy-authorization proxy-connection transfer-encoding upgrade'.split(
    ' ',
  ),
)

/** Whether a text is a token as HTTP has them, such as a method or the name of a field. */
export const isToken = (text: string): boolean => TOKEN.test(text)

/** Whether a field is not for guests to set or to see. */
export const isForbidden = (name: string): boolean => FORBIDDEN.has(name.toLowerCase())

/** Whether bytes may be the value of a field: no control characters but the tab (RFC 9110 §5.5). */
export const isFieldValue = (value: Uint8Array): boolean =>
  value.every((byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f))

/** `wasi:http/types.fields`. */
export class Fields extends Resource {
  readonly #immutable: boolean
  #entries: readonly Field[]

  /** constructor(); entries and immutability are the host's to give. Immutable ones are not copied. */
  constructor(world: World, entries: readonly Field[] = [], immutable = false) {
    super(world)
    world.charge()
    this.#entries = immutable ? entries : []
    this.#immutable = immutable
    if (!immutable) this.#add(entries)
  }

  // from-list: static func(entries: list<tuple<field-name, field-value>>) -> result<fields, header-error>
  static fromList(world: World, entries: readonly Field[]): Fields {
    world.charge(sizeOf(entries))
    for (const [name, value] of entries) checkField(name, [value])
    return new Fields(world, entries)
  }

  // get: func(name: field-name) -> list<field-value>
  get(name: string): Uint8Array[] {
    const key = name.toLowerCase()
    const values = this.#entries.flatMap(([other, value]) => (other.toLowerCase() === key ? [value] : []))
    this.world.charge(name.length + values.reduce((sum, value) => sum + value.length, 0))
    return values
  }

  // has: func(name: field-name) -> bool
  has(name: string): boolean {
    this.world.charge(name.length)
    return this.#has(name)
  }

  // set: func(name: field-name, value: list<field-value>) -> result<_, header-error>
  set(name: string, values: readonly Uint8Array[]): void {
    const entries = values.map((value): Field => [name, value])
    this.world.charge(sizeOf(entries))
    this.#check(name, values)
    this.#remove(name)
    this.#add(entries)
  }

  // delete: func(name: field-name) -> result<_, header-error>
  delete(name: string): void {
    this.world.charge(name.length)
    this.#check(name, [])
    this.#remove(name)
  }

  // append: func(name: field-name, value: field-value) -> result<_, header-error>
  append(name: string, value: Uint8Array): void {
    this.world.charge(name.length + value.length)
    this.#check(name, [value])
    this.#add([[name, value]])
  }

  // entries: func() -> list<tuple<field-name, field-value>>
  entries(): Field[] {
    this.world.charge(sizeOf(this.#entries))
    return [...this.#entries]
  }

  // clone: func() -> fields
  clone(): Fields {
    return new Fields(this.world, this.#entries)
  }

  /** The guest has handed them over: nobody changes them any more. */
  take(): readonly Field[] {
    this[Symbol.dispose]()
    return this.#entries
  }

  #check(name: string, values: readonly Uint8Array[]): void {
    if (this.#immutable) refuse({ tag: 'immutable' } satisfies HeaderError)
    checkField(name, values)
  }

  #has(name: string): boolean {
    const key = name.toLowerCase()
    return this.#entries.some(([other]) => other.toLowerCase() === key)
  }

  #remove(name: string): void {
    const key = name.toLowerCase()
    this.#entries = this.#entries.filter(([other]) => other.toLowerCase() !== key)
  }

  #add(entries: readonly Field[]): void {
    if (this.#entries.length + entries.length > MOST_FIELDS)
      throw new GuestFault('trap', `Expected at most ${MOST_FIELDS} fields, found more`)
    this.world.keep(sizeOf(entries))
    this.#entries = [...this.#entries, ...entries]
  }
}

function checkField(name: string, values: readonly Uint8Array[]): void {
  if (!isToken(name) || !values.every(isFieldValue)) refuse({ tag: 'invalid-syntax' } satisfies HeaderError)
  if (isForbidden(name)) refuse({ tag: 'forbidden' } satisfies HeaderError)
}

function sizeOf(entries: readonly Field[]): number {
  return entries.reduce((size, [name, value]) => size + name.length + value.length + FIELD_BYTES, 0)
}

/** What a message says of its body's size; NaN for what is no size, or several. */
export function contentLength(fields: readonly Field[]): number | undefined {
  const said = fields.filter(([name]) => name.toLowerCase() === 'content-length')
  if (said.length === 0) return undefined
  const text = said.map(([, value]) => Buffer.from(value).toString('latin1')).join()
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
}
