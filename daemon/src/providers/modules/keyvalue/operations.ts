import type { Packable } from '@teapot-network/host/message-pack'
import { type Operations, type ProviderCall, ProviderRefusal } from '../../provider.ts'
import { type Request, wascc, wasi } from '../request.ts'
import type { Bounds, Store } from './store.ts'

/** Where a call's data is. */
export type StoreOf = (call: ProviderCall) => Store | Promise<Store>

const KEYS_A_PAGE = 256
const INT32: Bounds = { least: -(2n ** 31n), most: 2n ** 31n - 1n }
const INT64: Bounds = { least: -(2n ** 63n), most: 2n ** 63n - 1n }

/** What an operation does with a request, on a store, in a space of it. */
type On<T> = (request: Request, store: Store, space: string) => T | Promise<T>

/** Both faces of key-value over one store: values are bytes, which `wascc:keyvalue` reads and writes as UTF-8 (spec/host.md §6.7). */
export function keyvalueCapabilities(storeOf: StoreOf): Record<string, Operations> {
  return { 'wascc:keyvalue': wasccOperations(storeOf), 'wasi:keyvalue': wasiOperations(storeOf) }
}

function wasccOperations(storeOf: StoreOf): Operations {
  const on = (fields: readonly string[], run: On<Record<string, Packable>>) =>
    wascc(fields, async (request, call) => run(request, await storeOf(call), spaceOf(call)))
  return {
    Get: on(['key'], async (request, store, space) => {
      const key = request.text('key')
      const [value] = await store.get(space, [key])
      return { value: value === undefined ? '' : asText(key, value), exists: value !== undefined }
    }),
    KeyExists: on(['key'], async (request, store, space) => {
      return { value: '', exists: await store.exists(space, request.text('key')) }
    }),
    Set: on(['key', 'value', 'expires'], async (request, store, space) => {
      const value = request.text('value')
      const seconds = Math.max(0, request.integer('expires'))
      await store.set(space, [[request.text('key'), Buffer.from(value)]], seconds)
      return { value }
    }),
    Add: on(['key', 'value'], async (request, store, space) => {
      const delta = BigInt(request.integer('value'))
      return { value: Number(await store.add(space, request.text('key'), delta, INT32)) }
    }),
    Del: on(['key'], async (request, store, space) => {
      const key = request.text('key')
      await store.remove(space, key)
      return { key }
    }),
    Push: on(['key', 'value'], async (request, store, space) => {
      return { newCount: await store.push(space, request.text('key'), request.text('value')) }
    }),
    Range: on(['key', 'start', 'stop'], async (request, store, space) => {
      const [start, stop] = [request.integer('start'), request.integer('stop')]
      return { values: await store.range(space, request.text('key'), start, stop) }
    }),
    ListItemDelete: on(['key', 'value'], async (request, store, space) => {
      return { newCount: await store.removeItems(space, request.text('key'), request.text('value')) }
    }),
    Clear: on(['key'], async (request, store, space) => {
      await store.clear(space, request.text('key'))
      return { newCount: 0 }
    }),
    SetAdd: on(['key', 'value'], async (request, store, space) => {
      return { newCount: await store.addMember(space, request.text('key'), request.text('value')) }
    }),
    SetRemove: on(['key', 'value'], async (request, store, space) => {
      return { newCount: await store.removeMember(space, request.text('key'), request.text('value')) }
    }),
    SetQuery: on(['key'], async (request, store, space) => {
      const [members = []] = await store.members(space, [request.text('key')])
      return { values: members.sort(byBytes) }
    }),
    SetUnion: on(['keys'], async (request, store, space) => {
      return { values: [...new Set((await store.members(space, keysOf(request))).flat())].sort(byBytes) }
    }),
    SetIntersection: on(['keys'], async (request, store, space) => {
      const all = (await store.members(space, keysOf(request))).map((members) => new Set(members))
      const [first = [], ...others] = all
      return { values: [...first].filter((member) => others.every((set) => set.has(member))).sort(byBytes) }
    }),
  }
}

/** wasi:keyvalue@0.2.0-draft; methods take the bucket's name first. */
function wasiOperations(storeOf: StoreOf): Operations {
  const on = (parameters: readonly string[], run: On<unknown>) =>
    wasi(['bucket', ...parameters], async (request, call) =>
      run(request, await storeOf(call), spaceOf(call, request.text('bucket'))),
    )
  return {
    'store.get': on(['key'], async (request, store, space) => (await store.get(space, [request.text('key')]))[0]),
    'store.set': on(['key', 'value'], (request, store, space) =>
      store.set(space, [[request.text('key'), request.bytes('value')]], 0),
    ),
    'store.delete': on(['key'], (request, store, space) => store.delete(space, [request.text('key')])),
    'store.exists': on(['key'], async (request, store, space) => {
      return (await store.get(space, [request.text('key')]))[0] !== undefined
    }),
    'store.list-keys': on(['cursor'], async (request, store, space) => {
      const { keys, next } = await store.keys(space, request.optionalNatural('cursor') ?? 0, KEYS_A_PAGE)
      return { keys, cursor: next }
    }),
    'atomics.increment': on(['key', 'delta'], (request, store, space) =>
      store.add(space, request.text('key'), request.big('delta'), INT64),
    ),
    'atomics.swap': on(['key', 'expected', 'value'], (request, store, space) =>
      store.swap(space, request.text('key'), request.optionalBytes('expected'), request.bytes('value')),
    ),
    'batch.get-many': on(['keys'], async (request, store, space) => {
      const keys = request.texts('keys')
      const values = await store.get(space, keys)
      return keys.map((key, index) => (values[index] === undefined ? null : [key, values[index]]))
    }),
    'batch.set-many': on(['key-values'], (request, store, space) => store.set(space, request.pairs('key-values'), 0)),
    'batch.delete-many': on(['keys'], (request, store, space) => store.delete(space, request.texts('keys'))),
  }
}

/** The bucket `default`, or without a name, holds what `wascc:keyvalue` sees; every other is a space of its own. */
function spaceOf({ actor, binding }: ProviderCall, bucket = ''): string {
  return JSON.stringify(bucket === '' || bucket === 'default' ? [actor, binding] : [actor, binding, bucket])
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function asText(key: string, value: Uint8Array): string {
  try {
    return utf8.decode(value)
  } catch (cause) {
    throw new ProviderRefusal(
      'provider/not-text',
      `Expected UTF-8 under ${key}, found bytes; read it as wasi:keyvalue`,
      {
        cause,
      },
    )
  }
}

/** Each key once: a set united or intersected with itself is the same. */
function keysOf(request: Request): string[] {
  return [...new Set(request.texts('keys'))]
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
