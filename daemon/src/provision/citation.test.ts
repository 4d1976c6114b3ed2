import { type Entry, EntryKind, type LedgerFacts } from '@teapot-network/trust'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Citation, createCitation } from './citation.ts'

const facts = {} as LedgerFacts
const entry = (name: string): Entry => ({
  kind: EntryKind.actor,
  name,
  sha256: `0x${'00'.repeat(32)}` as const,
  grants: new Uint8Array(),
})

/** The names that were measured; evidence is those that stood when it was quoted. */
let log: string[]
let cited: string[]
let newest: string[] | undefined
/** What the next appraisals wait for. */
let appraisals: (Promise<void> | undefined)[]
let citation: Citation<string[]>

beforeEach(() => {
  ;[log, cited, newest, appraisals] = [[], [], undefined, []]
  citation = createCitation({
    measure: async ({ name }) => !log.includes(name) && log.push(name) > 0,
    evidence: {
      current: () => newest,
      renew: async () => {
        newest = [...log]
        return newest
      },
    },
    cite: async (made) => {
      await appraisals.shift()
      cited = made
    },
  })
})

test('what is measured before the first quote needs none of its own', async () => {
  await citation.measure(entry('a'), facts)
  expect(newest).toBeUndefined()
  await citation.renew(facts)
  expect(cited).toEqual(['a'])
})

test('what is measured later is in what is cited before it is loaded, and only what is new is quoted anew', async () => {
  await citation.renew(facts)
  await citation.measure(entry('a'), facts)
  expect(cited).toEqual(['a'])
  const before = newest
  await citation.measure(entry('a'), facts)
  expect(newest).toBe(before)
})

describe('while an older quote is still being appraised', () => {
  let measuring: Promise<void>

  async function measureMeanwhile(appraisal?: Promise<void>): Promise<void> {
    await citation.renew(facts)
    const slow = Promise.withResolvers<void>()
    appraisals.push(slow.promise, appraisal)
    const epoch = citation.renew(facts)
    await new Promise((resolve) => setImmediate(resolve))
    measuring = citation.measure(entry('a'), facts)
    setImmediate(slow.resolve)
    await Promise.allSettled([epoch, measuring])
  }

  test('it is not cited after the one that holds the actor', async () => {
    await measureMeanwhile()
    expect(cited).toEqual(['a'])
  })

  test('an actor whose own quote fails is not taken for quoted', async () => {
    const busy = Promise.reject(new Error('TPM busy'))
    busy.catch(() => {})
    await measureMeanwhile(busy)
    await expect(measuring).rejects.toThrow('TPM busy')
    await citation.measure(entry('a'), facts)
    expect(cited).toEqual(['a'])
  })
})
