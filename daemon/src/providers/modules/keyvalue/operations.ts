import { type Operations, type ProviderCall, ProviderRefusal } from '../../provider.ts'
import { wascc, wasi } from '../request.ts'
import type { Bounds, Store } from './store.ts'

/** Where a call's data is. */
export type StoreOf = (call: ProviderCall) => Store | Promise<Store>

const KEYS_A_PAGE = 256
const INT32: Bounds = { least: -(2n ** 31n), most: 2n ** 31n - 1n }
const INT64: Bounds = { least: -(2n ** 63n), most: 2n ** 63n - 1n }

/** Both faces of key-value over one store: values are bytes, which `wascc:keyvalue` reads and writes as UTF-8 (spec/host.md §6.7). */
export function keyvalueCapabilities(storeOf: StoreOf): Record<string, Operations> {
  return { 'wascc:keyvalue': wasccOperations(storeOf), 'wasi:keyvalue': wasiOperations(storeOf) }
}

function wasccOperations(storeOf: StoreOf): Operations {
  return { ...wasccValues(storeOf), ...wasccLists(storeOf), ...wasccSets(storeOf) }
}

function wasccValues(storeOf: StoreOf): Operations {
  return {
    Get: wascc(['key'], async (request, call) => {
      const key = request.text('key')
      const [value] = await (await storeOf(call)).get(spaceOf(call), [key])
      return { value: value === undefined ? '' : asText(key, value), exists: value !== undefined }
    }),
    KeyExists: wascc(['key'], async (request, call) => {
      return { value: '', exists: await (await storeOf(call)).exists(spaceOf(call), request.text('key')) }
    }),
    Set: wascc(['key', 'value', 'expires'], async (request, call) => {
      const value = request.text('value')
      const seconds = Math.max(0, request.integer('expires'))
      await (await storeOf(call)).set(spaceOf(call), [[request.text('key'), Buffer.from(value)]], seconds)
      return { value }
    }),
    Add: wascc(['key', 'value'], async (request, call) => {
      const delta = BigInt(request.integer('value'))
      const sum = await (await storeOf(call)).add(spaceOf(call), request.text('key'), delta, INT32)
      return { value: Number(sum) }
    }),
    Del: wascc(['key'], async (request, call) => {
      const key = request.text('key')
      await (await storeOf(call)).remove(spaceOf(call), key)
      return { key }
    }),
  }
}

function wasccLists(storeOf: StoreOf): Operations {
  return {
    Push: wascc(['key', 'value'], async (request, call) => {
      return { newCount: await (await storeOf(call)).push(spaceOf(call), request.text('key'), request.text('value')) }
    }),
    Range: wascc(['key', 'start', 'stop'], async (request, call) => {
      const [start, stop] = [request.integer('start'), request.integer('stop')]
      return { values: await (await storeOf(call)).range(spaceOf(call), request.text('key'), start, stop) }
    }),
    ListItemDelete: wascc(['key', 'value'], async (request, call) => {
      const store = await storeOf(call)
      return { newCount: await store.removeItems(spaceOf(call), request.text('key'), request.text('value')) }
    }),
    Clear: wascc(['key'], async (request, call) => {
      await (await storeOf(call)).clear(spaceOf(call), request.text('key'))
      return { newCount: 0 }
    }),
  }
}

function wasccSets(storeOf: StoreOf): Operations {
  const sets = async (call: ProviderCall, keys: readonly string[]) => (await storeOf(call)).members(spaceOf(call), keys)
  return {
    SetAdd: wascc(['key', 'value'], async (request, call) => {
      const store = await storeOf(call)
      return { newCount: await store.addMember(spaceOf(call), request.text('key'), request.text('value')) }
    }),
    SetRemove: wascc(['key', 'value'], async (request, call) => {
      const store = await storeOf(call)
      return { newCount: await store.removeMember(spaceOf(call), request.text('key'), request.text('value')) }
    }),
    SetQuery: wascc(['key'], async (request, call) => {
      const [members = []] = await sets(call, [request.text('key')])
      return { values: members.sort(byBytes) }
    }),
    SetUnion: wascc(['keys'], async (request, call) => {
      return { values: [...new Set((await sets(call, request.texts('keys'))).flat())].sort(byBytes) }
    }),
    SetIntersection: wascc(['keys'], async (request, call) => {
      const [first = [], ...others] = (await sets(call, request.texts('keys'))).map((members) => new Set(members))
      return { values: [...first].filter((member) => others.every((set) => set.has(member))).sort(byBytes) }
    }),
  }
}

/** wasi:keyvalue@0.2.0-draft; methods take the bucket's name first. */
function wasiOperations(storeOf: StoreOf): Operations {
  return {
    'store.get': wasi(['bucket', 'key'], async (request, call) => {
      return (await (await storeOf(call)).get(spaceOf(call, request.text('bucket')), [request.text('key')]))[0]
    }),
    'store.set': wasi(['bucket', 'key', 'value'], async (request, call) => {
      const space = spaceOf(call, request.text('bucket'))
      await (await storeOf(call)).set(space, [[request.text('key'), request.bytes('value')]], 0)
    }),
    'store.delete': wasi(['bucket', 'key'], async (request, call) => {
      await (await storeOf(call)).delete(spaceOf(call, request.text('bucket')), [request.text('key')])
    }),
    'store.exists': wasi(['bucket', 'key'], async (request, call) => {
      const space = spaceOf(call, request.text('bucket'))
      return (await (await storeOf(call)).get(space, [request.text('key')]))[0] !== undefined
    }),
    'store.list-keys': wasi(['bucket', 'cursor'], async (request, call) => {
      const from = request.optionalNatural('cursor') ?? 0
      const { keys, next } = await (await storeOf(call)).keys(spaceOf(call, request.text('bucket')), from, KEYS_A_PAGE)
      return { keys, cursor: next ?? null }
    }),
    'atomics.increment': wasi(['bucket', 'key', 'delta'], async (request, call) => {
      const space = spaceOf(call, request.text('bucket'))
      return (await storeOf(call)).add(space, request.text('key'), request.big('delta'), INT64)
    }),
    'atomics.swap': wasi(['bucket', 'key', 'expected', 'value'], async (request, call) => {
      const space = spaceOf(call, request.text('bucket'))
      const expected = request.optionalBytes('expected')
      return (await storeOf(call)).swap(space, request.text('key'), expected, request.bytes('value'))
    }),
    'batch.get-many': wasi(['bucket', 'keys'], async (request, call) => {
      const keys = request.texts('keys')
      const values = await (await storeOf(call)).get(spaceOf(call, request.text('bucket')), keys)
      return keys.map((key, index) => (values[index] === undefined ? null : [key, values[index]]))
    }),
    'batch.set-many': wasi(['bucket', 'key-values'], async (request, call) => {
      await (await storeOf(call)).set(spaceOf(call, request.text('bucket')), request.pairs('key-values'), 0)
    }),
    'batch.delete-many': wasi(['bucket', 'keys'], async (request, call) => {
      await (await storeOf(call)).delete(spaceOf(call, request.text('bucket')), request.texts('keys'))
    }),
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

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
