import type { Hex, LedgerFacts, NodeStatus } from '@teapot-network/trust'
import { expect, test } from 'vitest'
import { createLog } from '../log.ts'
import { createIsolation } from './isolation.ts'
import type { Lattice } from './lattice.ts'
import { peerIdText } from './peer-id.ts'

const key = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const [SELF, CHEAT] = [key(1), key(2)]

function facts(status: NodeStatus): LedgerFacts {
  return { nodes: [SELF, CHEAT].map((id) => ({ id, status })) } as unknown as LedgerFacts
}

test('a quarantined node is cut off by the keys that it showed, and comes back only with others', async () => {
  const cut: Hex[] = []
  const lattice = { cut: async (peerKey: Hex) => void cut.push(peerKey) } as unknown as Lattice
  let keys = [key(7)]
  const isolation = createIsolation(
    SELF,
    () => keys,
    () => lattice,
    createLog(() => {}),
  )
  await isolation.advance(facts('active'))
  expect(isolation.denies(peerIdText(key(7)))).toBe(false)
  await isolation.advance(facts('quarantined'))
  expect(isolation.denies(peerIdText(key(7)))).toBe(true)
  expect(cut).toEqual([key(7)])
  keys = [key(7), key(8)]
  await isolation.advance(facts('quarantined'))
  expect(isolation.denies(peerIdText(key(8)))).toBe(false)
  await isolation.advance(facts('active'))
  expect(isolation.denies(peerIdText(key(7)))).toBe(false)
})

test('the text of a peer id is that of libp2p', () => {
  const raw = '0x1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e'
  expect(peerIdText(raw)).toBe('12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq')
})
