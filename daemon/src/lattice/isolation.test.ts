import type { Hex, LedgerFacts, NodeStatus } from '@teapot-network/trust'
import { expect, test } from 'vitest'
import { createLog } from '../log.ts'
import { createIsolation } from './isolation.ts'
import type { Lattice } from './lattice.ts'
import { peerIdText } from './peer-id.ts'

const key = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const [SELF, CHEAT] = [key(1), key(2)]

function facts(status: NodeStatus, number = 1): LedgerFacts {
  return { epoch: { number }, nodes: [SELF, CHEAT].map((id) => ({ id, status })) } as unknown as LedgerFacts
}

/** Isolation over a lattice that notes what it is told to cut; `keys` are what CHEAT showed, `status` what the ledger calls it. */
function start(keys: Hex[], learn: () => Promise<unknown> = async () => {}) {
  const cut: Hex[] = []
  const lattice = () => ({ cut: async (peerKey: Hex) => void cut.push(peerKey) }) as unknown as Lattice
  const keysOf = (node: Hex) => (node === CHEAT ? keys : [])
  const isolation = createIsolation({ self: SELF, keysOf, learn, lattice, log: createLog(() => {}) })
  const denied = (n: number) => [
    isolation.denies(peerIdText(key(n)), 'inbound'),
    isolation.denies(peerIdText(key(n)), 'outbound'),
  ]
  return { isolation, cut, denied }
}

test('a quarantined node is cut off by the keys that it showed, and is dialled again only under others', async () => {
  const keys = [key(7)]
  const { isolation, cut, denied } = start(keys)
  await isolation.advance(facts('active'))
  expect(denied(7)).toEqual([false, false])
  await isolation.advance(facts('quarantined'))
  expect(denied(7)).toEqual([true, true])
  expect(cut).toEqual([key(7)])
  keys.push(key(8))
  await isolation.advance(facts('quarantined'))
  expect(denied(8)).toEqual([true, false])
  await isolation.advance(facts('active'))
  expect([denied(7), denied(8), isolation.keeps(key(7))]).toEqual([[false, false], [false, false], true])
})

test.each(['suspect', 'inactive', 'retired'] as const)(
  'a node that is %s may not connect, and is dialled for attestation alone',
  async (status) => {
    const { isolation, cut, denied } = start([key(7)])
    for (let block = 0; block < 3; block++) await isolation.advance(facts(status))
    expect(denied(7)).toEqual([true, false])
    expect(isolation.keeps(key(7))).toBe(false)
    // What was dialled since is not cut under the question.
    expect(cut).toEqual([key(7)])
  },
)

test.each([
  ['suspect', 2],
  ['quarantined', 2],
  ['inactive', 1],
] as const)('a node that is %s and whose keys are not known is appraised, so that they are', async (status, times) => {
  const keys: Hex[] = []
  let asked = 0
  const { isolation, denied } = start(keys, async () => {
    if (asked++ === 0) throw new Error('it does not answer')
    keys.push(key(9))
  })
  for (const epoch of [1, 1, 2, 2, 3, 3]) await isolation.advance(facts(status, epoch))
  expect(asked).toBe(times)
  if (times > 1) expect(denied(9)[0]).toBe(true)
})

test('an Active node is a member under every key that it showed, and only while it is Active', async () => {
  const keys = [key(7)]
  const { isolation } = start(keys)
  const member = (n: number) => isolation.isMember(peerIdText(key(n)))
  expect(member(7)).toBe(false)
  await isolation.advance(facts('active'))
  expect([member(7), member(8)]).toEqual([true, false])
  keys.push(key(8))
  await isolation.advance(facts('active'))
  expect(member(8)).toBe(true)
  await isolation.advance(facts('pending'))
  expect(member(7)).toBe(false)
})

test('a node shuts itself out of nothing', async () => {
  const cut: Hex[] = []
  const lattice = () => ({ cut: async (peerKey: Hex) => void cut.push(peerKey) }) as unknown as Lattice
  const parts = { self: SELF, keysOf: () => [key(7)], learn: async () => {}, lattice, log: createLog(() => {}) }
  const isolation = createIsolation(parts)
  await isolation.advance({
    epoch: { number: 1 },
    nodes: [{ id: SELF, status: 'quarantined' }],
  } as unknown as LedgerFacts)
  expect(cut).toEqual([])
})

test('the text of a peer id is that of libp2p', () => {
  const raw = '0x1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e'
  expect(peerIdText(raw)).toBe('12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq')
})
