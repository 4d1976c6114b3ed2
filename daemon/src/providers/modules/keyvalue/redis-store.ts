import { tooMuch } from './read-budget.ts'
import * as scripts from './redis-scripts.ts'
import type { Store } from './store.ts'
import { notANumber } from './sum.ts'

/** Sends one command. Bulk strings come as Buffer. */
export type Command = (args: readonly (string | Uint8Array)[]) => Promise<unknown>

const INT64 = 2n ** 63n

/**
 * Key-value on Redis 7 (no cluster: a script that lists keys computes some). What takes several commands is a Lua script,
 * which Redis runs whole or not at all. Keys begin with `teapot:{<space>}:`, then `v`, `l`, `s` or `k` for values, lists, sets
 * and the index of values.
 */
export function redisStore(command: Command, close: () => void): Store {
  const where = (space: string, kind: 'v' | 'l' | 's', key: string) => `teapot:{${space}}:${kind}:${key}`
  const index = (space: string) => `teapot:{${space}}:k`
  const run = (script: string, keys: readonly string[], args: readonly (string | Uint8Array)[]) =>
    command(['EVAL', script, String(keys.length), ...keys, ...args])
  /** What a script reads, that answers nothing when it is too much. */
  const read = async (script: string, keys: readonly string[], args: readonly string[] = []) => {
    const reply = await run(script, keys, args)
    if (reply === null) throw tooMuch()
    return reply
  }
  const texts = (reply: unknown) => (reply as Buffer[]).map((text) => text.toString())
  const changeAndCount = async (key: string, change: string, count: string, ...args: string[]) =>
    Number(await run(scripts.CHANGE_AND_COUNT, [key], [change, count, ...args]))

  return {
    get: async (space, keys) => {
      if (keys.length === 0) return []
      const places = keys.map((key) => where(space, 'v', key))
      const reply = keys.length === 1 ? command(['MGET', ...places]) : read(scripts.GET_MANY, places)
      const found = (await reply) as (Buffer | null)[]
      return found.map((value) => value ?? undefined)
    },
    set: async (space, entries, seconds) => {
      const keys = entries.map(([key]) => where(space, 'v', key))
      await run(scripts.SET, [index(space), ...keys], [String(seconds), ...entries.flat()])
    },
    add: async (space, key, delta, bounds) => {
      if (delta < -INT64 || delta >= INT64) throw notANumber(key, `an addition of ${delta}`, bounds)
      const narrow = bounds.most < INT64 - 1n ? '1' : '0'
      const reply = await run(scripts.ADD, [index(space), where(space, 'v', key)], [key, String(delta), narrow])
      const [sum] = reply as [Buffer | null]
      if (sum === null) throw notANumber(key, 'another', bounds)
      return BigInt(sum.toString())
    },
    swap: async (space, key, expected, value) => {
      const args = [key, expected === undefined ? '0' : '1', expected ?? '', value]
      return (await run(scripts.SWAP, [index(space), where(space, 'v', key)], args)) === 1
    },
    delete: async (space, keys) => {
      await run(scripts.DELETE, [index(space), ...keys.map((key) => where(space, 'v', key))], keys)
    },
    remove: async (space, key) => {
      const all = (['v', 'l', 's'] as const).map((kind) => where(space, kind, key))
      await run(scripts.DELETE, [index(space), ...all], [key])
    },
    exists: async (space, key) =>
      Number(await command(['EXISTS', where(space, 'v', key), where(space, 'l', key), where(space, 's', key)])) > 0,
    keys: async (space, from, count) => {
      const reply = await read(scripts.KEYS, [index(space)], [String(from), String(count), where(space, 'v', '')])
      const [seen, gone, keys] = reply as [number, number, Buffer[]]
      return { keys: texts(keys), next: seen === count ? from + seen - gone : undefined }
    },
    push: async (space, key, item) => Number(await command(['RPUSH', where(space, 'l', key), item])),
    range: async (space, key, start, stop) =>
      texts(await read(scripts.RANGE, [where(space, 'l', key)], [String(start), String(stop)])),
    removeItems: (space, key, item) => changeAndCount(where(space, 'l', key), 'LREM', 'LLEN', '0', item),
    clear: async (space, key) => void (await command(['DEL', where(space, 'l', key)])),
    addMember: (space, key, member) => changeAndCount(where(space, 's', key), 'SADD', 'SCARD', member),
    removeMember: (space, key, member) => changeAndCount(where(space, 's', key), 'SREM', 'SCARD', member),
    members: async (space, keys) => {
      if (keys.length === 0) return []
      const places = keys.map((key) => where(space, 's', key))
      return ((await read(scripts.MEMBERS, places)) as Buffer[][]).map(texts)
    },
    close,
  }
}
