import { expect, it } from 'vitest'
import { measure } from './nearest.ts'
import { nodeOf } from './nodes.fixture.ts'
import { serve } from './server.fixture.ts'

const options = { fetch, probes: 2, timeoutMs: 2_000 }

it('the pick changes when the delays of two nodes swap', async () => {
  const delaysMs = { a: 5, b: 120 }
  await using a = await serve((_, response) => void setTimeout(() => response.end('ok\n'), delaysMs.a))
  await using b = await serve((_, response) => void setTimeout(() => response.end('ok\n'), delaysMs.b))
  const nodes = [nodeOf('0xb', b.url), nodeOf('0xa', a.url)]
  const pick = async (): Promise<string[]> => (await measure(nodes, options)).map(({ node }) => node.id)
  expect(await pick()).toEqual(['0xa', '0xb'])
  Object.assign(delaysMs, { a: 120, b: 5 })
  expect(await pick()).toEqual(['0xb', '0xa'])
})

it("the client's own machine comes first however slow, but only if it answers", async () => {
  await using near = await serve((_, response) => void response.end('ok\n'))
  await using own = await serve((_, response) => void setTimeout(() => response.end('ok\n'), 100))
  const nodes = [nodeOf('0xnear', near.url), nodeOf('0xown', own.url)]
  const sorted = await measure(nodes, { ...options, local: own.url })
  expect(sorted.map(({ node }) => node.id)).toEqual(['0xown', '0xnear'])
  await own[Symbol.asyncDispose]()
  const without = await measure(nodes, { ...options, local: own.url })
  expect(without.map(({ node }) => node.id)).toEqual(['0xnear'])
})

it('a node that hangs or fails is left out', async () => {
  await using hangs = await serve(() => undefined)
  await using fails = await serve((_, response) => void response.writeHead(500).end())
  const nodes = [nodeOf('0xhangs', hangs.url), nodeOf('0xfails', fails.url)]
  expect(await measure(nodes, { ...options, timeoutMs: 150 })).toEqual([])
})

it('no node holds the others up for longer than one probe may take', async () => {
  let asked = 0
  await using slow = await serve((_, response) => {
    asked++
    setTimeout(() => response.end('ok\n'), 200)
  })
  await measure([nodeOf('0xslow', slow.url)], { ...options, probes: 3, timeoutMs: 250 })
  expect(asked).toBeLessThanOrEqual(2)
})
