import { MOST_READ_BYTES, TEXT_BYTES } from './read-budget.ts'

/** What Redis does in one step, as Lua. KEYS[1] is the index of keys that have a value, a sorted set without scores. */

/** `within(texts)`: the same, or false when all that it was given weighs more than may be read at once. */
const WITHIN = `
local left = ${MOST_READ_BYTES}
local function within(texts)
  for i = 1, #texts do left = left - ${TEXT_BYTES} - #texts[i] end
  return left >= 0 and texts
end
`
/** Values of KEYS, or nothing when they are too much. */
export const GET_MANY = `
local left = ${MOST_READ_BYTES}
for i = 1, #KEYS do left = left - ${TEXT_BYTES} - redis.call('STRLEN', KEYS[i]) end
return left >= 0 and redis.call('MGET', unpack(KEYS))`

/** Items of the list KEYS[1] from ARGV[1] to ARGV[2], or nothing when they are too much. */
export const RANGE = `${WITHIN}
return within(redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2]))`

/** KEYS[2…]: where values are; ARGV[1]: seconds, then a key and a value each. */
export const SET = `
for i = 2, #KEYS do
  if ARGV[1] == '0' then redis.call('SET', KEYS[i], ARGV[2 * i - 1])
  else redis.call('SET', KEYS[i], ARGV[2 * i - 1], 'EX', ARGV[1]) end
  redis.call('ZADD', KEYS[1], 0, ARGV[2 * i - 2])
end`

/** KEYS[2]: where the number is; ARGV: key, delta, '1' to stay within 32 bits. Answers the sum, or nothing and what was there. */
export const ADD = `
local before = redis.call('GET', KEYS[2])
local sum = redis.pcall('INCRBY', KEYS[2], ARGV[2])
if type(sum) == 'table' then return {false, before} end
if ARGV[3] == '1' and (sum < -2147483648 or sum > 2147483647) then
  if before then redis.call('SET', KEYS[2], before, 'KEEPTTL') else redis.call('DEL', KEYS[2]) end
  return {false, before}
end
redis.call('ZADD', KEYS[1], 0, ARGV[1])
return {redis.call('GET', KEYS[2]), before}`

/** KEYS[2]: where the value is; ARGV: key, '1' if one is expected, which, the new one. Answers 1 or 0. */
export const SWAP = `
local before = redis.call('GET', KEYS[2])
if ARGV[2] == '0' then
  if before then return 0 end
elseif before ~= ARGV[3] then return 0 end
redis.call('SET', KEYS[2], ARGV[4])
redis.call('ZADD', KEYS[1], 0, ARGV[1])
return 1`

/** KEYS[2…]: what to delete; ARGV: keys that are no longer in the index. */
export const DELETE = `
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
for i = 1, #ARGV do redis.call('ZREM', KEYS[1], ARGV[i]) end`

/** ARGV: where to begin, how many at most, what stands before a value's key. Answers how many it looked at and how many of those had expired, and the keys; nothing when those are too much. */
export const KEYS = `${WITHIN}
local names = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[1] + ARGV[2] - 1)
local found = {}
for _, name in ipairs(names) do
  if redis.call('EXISTS', ARGV[3] .. name) == 1 then found[#found + 1] = name
  else redis.call('ZREM', KEYS[1], name) end
end
return within(found) and {#names, #names - #found, found}`

/** A command with KEYS[1] and ARGV[1…], then the size of what is there: ARGV[1] the command, ARGV[2] what counts. */
export const CHANGE_AND_COUNT = `
redis.call(ARGV[1], KEYS[1], unpack(ARGV, 3))
return redis.call(ARGV[2], KEYS[1])`

/** Members of the set of each of KEYS, or nothing when they are too much. */
export const MEMBERS = `${WITHIN}
local sets = {}
for i, key in ipairs(KEYS) do
  sets[i] = within(redis.call('SMEMBERS', key))
  if not sets[i] then return false end
end
return sets`
