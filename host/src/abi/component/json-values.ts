/** What an argument is, as far as JSON needs to know; whatever else is wrong with it, the component's own lowering says. */
export type JsonType =
  /** The same in JSON: numbers, texts, booleans, flags, enums. */
  | 'plain'
  /** 64 bits: a decimal text, or a whole number. */
  | 'big'
  /** `list<u8>`: base64. */
  | 'bytes'
  | { readonly list: JsonType }
  | { readonly option: JsonType }
  | { readonly tuple: readonly JsonType[] }
  /** Fields in camel case. */
  | { readonly record: Readonly<Record<string, JsonType>> }
  /** `{"tag": case, "val": …}`; `result` and nested options are variants too. */
  | { readonly variant: Readonly<Record<string, JsonType | null>> }
  /** A type by its name in {@link Signatures.types}. */
  | { readonly type: string }

/** The exported functions that JSON can call. */
export interface Signatures {
  readonly types: Readonly<Record<string, JsonType>>
  /** Parameters, by interface (`ns:pkg/iface@version`, empty for the world's own) and function in camel case. */
  readonly functions: Readonly<Record<string, Readonly<Record<string, readonly JsonType[]>>>>
}

/** Turns a JSON value into what the component takes. @throws TypeError that says where what was expected */
export function fromJson(value: unknown, type: JsonType, types: Signatures['types'], path: string): unknown {
  const wrong = (expected: string): never => {
    throw new TypeError(`Expected ${expected} as ${path}, found ${JSON.stringify(value)?.slice(0, 64)}`)
  }
  const read = (inner: unknown, of: JsonType, step: string) => fromJson(inner, of, types, `${path}${step}`)
  if (type === 'plain') return value
  if (type === 'big') return toBig(value) ?? wrong('a whole number as text')
  if (type === 'bytes') return toBytes(value) ?? wrong('bytes in base64')
  if ('type' in type) return fromJson(value, types[type.type] ?? 'plain', types, path)
  if ('option' in type)
    return value === null || value === undefined ? undefined : fromJson(value, type.option, types, path)
  if ('list' in type || 'tuple' in type) {
    if (!Array.isArray(value)) return wrong('a list')
    if ('list' in type) return value.map((item, i) => read(item, type.list, `[${i}]`))
    if (value.length !== type.tuple.length) return wrong(`${type.tuple.length} values`)
    return type.tuple.map((of, i) => read(value[i], of, `[${i}]`))
  }
  if (typeof value !== 'object' || value === null) return wrong('an object')
  const object = value as Readonly<Record<string, unknown>>
  if ('record' in type)
    return Object.fromEntries(
      Object.entries(type.record).map(([name, of]) => [name, read(object[name], of, `.${name}`)]),
    )
  const tag = String(object['tag'])
  const of = Object.hasOwn(type.variant, tag) ? type.variant[tag] : undefined
  if (of === undefined) return wrong(`a tag of ${Object.keys(type.variant).join(', ')}`)
  return of === null ? { tag } : { tag, val: read(object['val'], of, '.val') }
}

/** Writes what a component returned: 64-bit numbers as decimal texts, bytes as base64, nothing as null. */
export function toJson(value: unknown): string {
  return JSON.stringify(value ?? null, (_, item: unknown) => {
    if (typeof item === 'bigint') return item.toString()
    if (item instanceof Uint8Array) return Buffer.from(item).toString('base64')
    if (item instanceof BigInt64Array || item instanceof BigUint64Array) return Array.from(item, String)
    if (ArrayBuffer.isView(item)) return Array.from(item as Float64Array)
    return item
  })
}

function toBig(value: unknown): bigint | undefined {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  return typeof value === 'string' && /^-?\d{1,20}$/.test(value) ? BigInt(value) : undefined
}

function toBytes(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) return undefined
  return Buffer.from(value, 'base64')
}
