import type { Unpacked } from '../../../message-pack.ts'
import type { HostInterface } from '../host-interface.ts'
import { refuse } from '../refusal.ts'
import { Resource } from '../resource.ts'
import type { World } from '../world.ts'
import { as, type ProviderError, providerFace } from './provider-face.ts'

/** variant error { no-such-store, access-denied, other(string) } */
type KeyvalueError = { readonly tag: 'access-denied' } | { readonly tag: 'other'; readonly val: string }

const DRAFT = /^0\.2\.0-draft$/

const toError = ({ code, text }: ProviderError): KeyvalueError =>
  code === 'host/capability-denied' ? { tag: 'access-denied' } : { tag: 'other', val: text }

const keyvalue = (world: World) => providerFace(world, 'wasi:keyvalue', toError)

/** `wasi:keyvalue/store.bucket`: a name, under which the provider keeps keys and values. */
class Bucket extends Resource {
  readonly name: string

  constructor(world: World, name: string) {
    super(world)
    this.name = name
  }

  // get: func(key: string) -> result<option<list<u8>>, error>
  async get(key: string): Promise<Uint8Array | undefined> {
    const value = await this.#ask('get', key)
    return value === null ? undefined : as.bytes(value, 'a value')
  }

  // set: func(key: string, value: list<u8>) -> result<_, error>
  async set(key: string, value: Uint8Array): Promise<void> {
    await this.#ask('set', key, value)
  }

  // delete: func(key: string) -> result<_, error>
  async delete(key: string): Promise<void> {
    await this.#ask('delete', key)
  }

  // exists: func(key: string) -> result<bool, error>
  async exists(key: string): Promise<boolean> {
    return (await this.#ask('exists', key)) === true
  }

  // list-keys: func(cursor: option<u64>) -> result<key-response, error>
  async listKeys(cursor: bigint | undefined): Promise<{ keys: string[]; cursor: bigint | undefined }> {
    const page = as.map(await this.#ask('list-keys', cursor), 'a page of keys')
    const next = page.get('cursor') ?? null
    return {
      keys: as.list(page.get('keys'), 'keys').map((key) => as.text(key, 'a key')),
      cursor: next === null ? undefined : as.natural(next, 'a cursor'),
    }
  }

  #ask(operation: string, ...args: (string | bigint | Uint8Array | undefined)[]): Promise<Unpacked> {
    return keyvalue(this.world)(`store.${operation}`, this.name, ...args)
  }
}

/** `wasi:keyvalue` 0.2.0-draft: capability `wasi:keyvalue`. */
export const KEYVALUE_INTERFACES: Readonly<Record<string, HostInterface>> = {
  'wasi:keyvalue/store': {
    versions: DRAFT,
    waits: ['get', 'set', 'delete', 'exists', 'list-keys'].map((method) => `[method]bucket.${method}`),
    create: (world) => ({
      Bucket,
      // open: func(identifier: string) -> result<bucket, error>
      open(identifier: string): Bucket {
        world.charge(identifier.length)
        world.keep(identifier.length)
        return new Bucket(world, identifier)
      },
    }),
  },
  'wasi:keyvalue/atomics': {
    versions: DRAFT,
    waits: ['increment'],
    create: (world) => ({
      // increment: func(bucket: borrow<bucket>, key: string, delta: u64) -> result<u64, error>
      async increment({ name }: Bucket, key: string, delta: bigint): Promise<bigint> {
        const sum = await keyvalue(world)('atomics.increment', name, key, delta)
        if (typeof sum === 'bigint' || (typeof sum === 'number' && sum >= 0)) return BigInt(sum)
        return refuse({ tag: 'other', val: `Expected a sum from 0, found ${sum}` } satisfies KeyvalueError)
      },
    }),
  },
  'wasi:keyvalue/batch': {
    versions: DRAFT,
    waits: ['get-many', 'set-many', 'delete-many'],
    create: (world) => ({
      // get-many: func(bucket: borrow<bucket>, keys: list<string>) -> result<list<option<tuple<string, list<u8>>>>, error>
      async getMany({ name }: Bucket, keys: string[]): Promise<([string, Uint8Array] | undefined)[]> {
        const pairs = as.list(await keyvalue(world)('batch.get-many', name, keys), 'keys and values')
        return pairs.map((pair) => {
          if (pair === null) return undefined
          const [key, value] = as.list(pair, 'a key and a value')
          return [as.text(key, 'a key'), as.bytes(value, 'a value')]
        })
      },
      // set-many: func(bucket: borrow<bucket>, key-values: list<tuple<string, list<u8>>>) -> result<_, error>
      async setMany({ name }: Bucket, pairs: [string, Uint8Array][]): Promise<void> {
        await keyvalue(world)('batch.set-many', name, pairs)
      },
      // delete-many: func(bucket: borrow<bucket>, keys: list<string>) -> result<_, error>
      async deleteMany({ name }: Bucket, keys: string[]): Promise<void> {
        await keyvalue(world)('batch.delete-many', name, keys)
      },
    }),
  },
}
