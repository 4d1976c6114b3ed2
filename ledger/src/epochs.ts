import type { Digest, EpochRecord } from '@teapot-network/trust'
import { decodeEventLog, encodeEventTopics, encodeFunctionData } from 'viem'
import { attestationAbi } from './contracts.gen.ts'
import type { Endpoints, Reading } from './endpoints.ts'
import { fields, malformed, parseBytes, parseDigest } from './rpc.ts'

/** So many epochs are asked for at a time. */
const AT_ONCE = 16

/** Reads the epochs from `first` to `last` that are closed in the block of `reading`. @see Ledger.readEpochs */
export async function readEpochs(
  endpoints: Endpoints,
  first: number,
  last: number,
  reading: Reading,
): Promise<EpochRecord[]> {
  const records: EpochRecord[] = []
  let seed = await seedOf(endpoints, first, reading)
  for (let from = first; from <= last; from += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, last - from + 1) }, (_, i) => from + i)
    const seeds = await Promise.all(numbers.map((number) => seedOf(endpoints, number + 1, reading)))
    const closed = numbers.filter((_, i) => blockOf(seeds[i]!) > 0)
    const read = closed.map(async (number, i) => {
      return { seed: i > 0 ? seeds[i - 1]! : seed, ...(await closing(endpoints, number, seeds[i]!, reading)) }
    })
    records.push(...(await Promise.all(read)))
    if (closed.length < numbers.length) break
    seed = seeds.at(-1)!
  }
  return records
}

async function seedOf(endpoints: Endpoints, epoch: number, reading: Reading): Promise<Digest> {
  const data = encodeFunctionData({ abi: attestationAbi, functionName: 'seedOf', args: [epoch] })
  return parseDigest(await endpoints.call('attestation', data, reading), 'seed')
}

/** The lowest 40 bits of a seed are the block that opened its epoch, and closed the one before (spec/ledger.md §6.4). */
function blockOf(seed: Digest): number {
  return Number(`0x${seed.slice(-10)}`)
}

async function closing(
  endpoints: Endpoints,
  number: number,
  nextSeed: Digest,
  { signal }: Reading,
): Promise<Omit<EpochRecord, 'seed'>> {
  const header = await endpoints.header(blockOf(nextSeed), signal)
  if (!header) throw malformed('block', `the block that closed epoch ${number}`, null)
  const topics = encodeEventTopics({ abi: attestationAbi, eventName: 'EpochClosed', args: { epoch: number } })
  const filter = { blockHash: header.hash, address: endpoints.address('attestation'), topics }
  const { root, leaves } = await endpoints.agreed(
    `epoch ${number}`,
    async (rpc) => eventOf(await rpc.request('eth_getLogs', [filter], { signal })),
    ({ root, leaves }) => `${root} ${leaves}`,
    signal,
  )
  return { number, root, leaves, closedAt: { number: header.number, hash: header.hash, timestamp: header.timestamp } }
}

function eventOf(logs: unknown): { root: Digest; leaves: Digest } {
  if (!Array.isArray(logs) || logs.length !== 1) throw malformed('logs', 'the one event of an epoch', logs)
  const { data, topics } = fields(logs[0])
  if (!Array.isArray(topics)) throw malformed('log', 'topics', topics)
  const words = topics.map((topic) => parseDigest(topic, 'topic')) as [Digest, ...Digest[]]
  try {
    const log = { data: parseBytes(data, 'log data'), topics: words }
    return decodeEventLog({ abi: attestationAbi, eventName: 'EpochClosed', ...log }).args
  } catch {
    throw malformed('log', 'EpochClosed', logs[0])
  }
}
