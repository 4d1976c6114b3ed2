import { digestOf, EntryKind, utf8 } from '@teapot-network/trust'
import { expect, it } from 'vitest'
import { genuineFacts } from './genuine.fixture.ts'
import { type Announcement, publish } from './publish.ts'
import { rawCid } from './raw-cid.ts'
import { serve } from './server.fixture.ts'

const bytes = utf8('\0asm')
const publication = { kind: EntryKind.actor, name: 'hello', version: 2, bytes, grants: ['b', 'a'] }

it('announces first, then offers the bytes until a node that follows the ledger takes them', async () => {
  const announced: Announcement[] = []
  const offered: string[] = []
  await using node = await serve((request, response) => {
    offered.push(`${request.method} ${request.url}`)
    request.resume()
    const [status, body] =
      offered.length < 3 ? [422, '{"code":"provision/not-on-ledger","message":"wait"}'] : [201, '{}']
    request.on('end', () => response.writeHead(status as number).end(body))
  })
  const published = await publish(publication, {
    announce: async (entry) => announced.push(entry),
    facts: async () => genuineFacts(node.url),
  })
  const cid = rawCid(digestOf(bytes))
  expect(published).toEqual({ cid, sha256: digestOf(bytes), holder: node.url })
  expect(offered).toEqual(Array(3).fill(`PUT /v1/blocks/${cid}`))
  expect(announced).toEqual([
    { kind: EntryKind.actor, name: 'hello', version: 2, cid, sha256: digestOf(bytes), grants: '0x8261616162' },
  ])
})

it('says so when no node takes the bytes in time', async () => {
  await using node = await serve((_, response) => void response.writeHead(422).end('{"code":"x/y","message":"never"}'))
  const publishing = publish(publication, {
    announce: async () => undefined,
    facts: async () => genuineFacts(node.url),
    timeoutMs: 100,
  })
  await expect(publishing).rejects.toMatchObject({ code: 'sdk/no-holder', kind: 'unavailable' })
})

it('does not announce what no node would take', async () => {
  const announce = () => Promise.reject(new Error('must not be reached'))
  const large = publish(
    { ...publication, bytes: new Uint8Array(2 * 1024 * 1024 + 1) },
    { announce, facts: async () => genuineFacts('http://127.0.0.1:1') },
  )
  await expect(large).rejects.toMatchObject({ code: 'sdk/publication-too-large' })
})
