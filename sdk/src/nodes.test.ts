import type { LedgerFacts } from '@teapot-network/trust'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { recordOf } from './nodes.fixture.ts'
import { activeNodes, httpContact, registeredNode } from './nodes.ts'

const factsOf = (nodes: LedgerFacts['nodes']): LedgerFacts => ({ nodes }) as LedgerFacts

it('only Active nodes that can be dialled are candidates', () => {
  const facts = factsOf([
    recordOf('0x1', 'http://127.0.0.1:1'),
    recordOf('0x2', 'http://127.0.0.1:2', { status: 'quarantined' }),
    recordOf('0x3', 'javascript:alert(1)'),
    recordOf('0x4', 'https://node.example/api/'),
  ])
  expect(activeNodes(facts).map(({ id, url }) => [id, url])).toEqual([
    ['0x1', 'http://127.0.0.1:1'],
    ['0x4', 'https://node.example/api'],
  ])
})

it('a node that is not registered, or that names no address, cannot be dialled', () => {
  const facts = factsOf([recordOf('0x1', 'ftp://x')])
  expect(() => registeredNode(facts, '0x1')).toThrow(/HTTP contact/)
  expect(() => registeredNode(facts, '0x2')).toThrow(/no such node/)
  expect(() => registeredNode(facts, '0x2')).toThrow(expect.objectContaining({ code: 'sdk/unknown-node' }))
})

it('a contact is where a node listens, not what is asked there', () => {
  for (const http of ['http://x/?evil=', 'http://x/#', 'http://u@x/', 'http://:p@x', 'file:///etc/passwd', '//x'])
    expect(httpContact(JSON.stringify({ http })), http).toBeUndefined()
})

it('any text as contact is either a dialable URL or nothing', () => {
  const part = fc.constantFrom(
    ...['http:', 'https:', 'ftp:', '/', '//', 'a', '.', ':', '@', '?', '#', '[::1]', '%', '\\'],
  )
  const near = fc.array(part).map((parts) => JSON.stringify({ http: parts.join('') }))
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), near), (contact) => {
      const url = httpContact(contact)
      expect(url === undefined || /^https?:\/\//.test(url)).toBe(true)
    }),
  )
})
