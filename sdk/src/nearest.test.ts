import { expect, it } from 'vitest'
import type { Fetch } from './http.ts'
import { measure } from './nearest.ts'
import { nodeOf } from './nodes.fixture.ts'
import { serve, type TestServer } from './server.fixture.ts'

const options = { fetch, probes: 2, timeoutMs: 60_000 }

/** Holds back what the far node answers until the near one has been measured. */
function fetchBefore(near: string): Fetch {
  const measured = Promise.withResolvers<void>()
  return async (url, more) => {
    const response = await fetch(url, more)
    const body = await response.bytes()
    if (String(url).startsWith(near)) setTimeout(measured.resolve)
    else await measured.promise
    return new Response(body, response)
  }
}

it('the pick changes when the distances of two nodes swap', async () => {
  await using a = await serve((_, response) => void response.end('ok\n'))
  await using b = await serve((_, response) => void response.end('ok\n'))
  const pick = async (near: TestServer, far: TestServer): Promise<string[]> => {
    const nodes = [nodeOf('far', far.url), nodeOf('near', near.url)]
    const sorted = await measure(nodes, { ...options, probes: 1, fetch: fetchBefore(near.url) })
    return sorted.map(({ node }) => node.id)
  }
  expect(await pick(a, b)).toEqual(['near', 'far'])
  expect(await pick(b, a)).toEqual(['near', 'far'])
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
