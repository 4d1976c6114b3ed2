import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  alterCalls,
  type CallProxy,
  createCallProxy,
  recordCalls,
  recordEvidence,
  replayCall,
  replayEvidence,
  swapEvidence,
} from './call-proxy.ts'
import type { Exchange } from './relay.ts'

let node: Server
let other: Server
let proxy: CallProxy
let calls: number

beforeEach(async () => {
  calls = 0
  node = await serve('node')
  other = await serve('other')
  proxy = await createCallProxy({ target: urlOf(node) })
})

afterEach(async () => {
  await proxy[Symbol.asyncDispose]()
  for (const server of [node, other]) server.close()
})

/** Answers calls with a counter and what it got, evidence with its name. */
function serve(name: string): Promise<Server> {
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    response.writeHead(request.url === '/missing' ? 404 : 200, { 'teapot-evidence': name })
    if (request.url === '/v1/calls') response.end(`answer ${++calls} to ${Buffer.concat(parts)}`)
    else response.end(`${name} ${request.method} ${request.url}`)
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function call(body: string): Promise<string> {
  return (await fetch(`${proxy.url}/v1/calls`, { method: 'POST', body })).text()
}

test('the network passes requests on as they are, status and all', async () => {
  expect(await call('hello')).toBe('answer 1 to hello')
  expect(await (await fetch(`${proxy.url}/ipfs/x?format=raw`)).text()).toBe('node GET /ipfs/x?format=raw')
  expect((await fetch(`${proxy.url}/missing`)).status).toBe(404)
  expect((await fetch(`${proxy.url}/healthz`, { method: 'HEAD' })).status).toBe(200)
})

test('it makes a node seem far away', async () => {
  proxy.setDelayMs(150)
  const began = performance.now()
  await call('hello')
  expect(performance.now() - began).toBeGreaterThanOrEqual(145)
})

test('it alters one bit of a sealed answer, and of nothing else', async () => {
  proxy.setTamper(alterCalls())
  const altered = Buffer.from(await call('hello'))
  const genuine = Buffer.from('answer 1 to hello')
  expect(altered.length).toBe(genuine.length)
  expect(altered.filter((byte, at) => byte !== genuine[at])).toHaveLength(1)
  expect(await (await fetch(`${proxy.url}/v1/evidence`)).text()).toBe('node GET /v1/evidence')
})

test('it hands back a recorded answer in place of a new one', async () => {
  const recorded: Exchange[] = []
  proxy.setTamper(recordCalls(recorded))
  await call('first')
  proxy.setTamper(replayCall(recorded[0]!))
  expect(await call('second')).toBe('answer 1 to first')
  proxy.setTamper()
  expect(await call('third')).toBe('answer 3 to third')
})

test('it passes off the evidence of another node', async () => {
  proxy.setTamper(swapEvidence(urlOf(other)))
  const response = await fetch(`${proxy.url}/v1/evidence`)
  expect(await response.text()).toBe('other GET /v1/evidence')
  expect(response.headers.get('teapot-evidence')).toBe('other')
})

test('it shows evidence of earlier as if it were of now, and passes calls on', async () => {
  const recorded: Exchange[] = []
  proxy.setTamper(recordEvidence(recorded))
  const evidence = async () => (await fetch(`${proxy.url}/v1/evidence`)).text()
  expect([await evidence(), await call('hello')]).toEqual(['node GET /v1/evidence', 'answer 1 to hello'])
  expect(recorded).toHaveLength(1)
  proxy.setTamper(replayEvidence(recorded[0]!))
  proxy.setTarget(urlOf(other))
  expect([await evidence(), await call('hello')]).toEqual(['node GET /v1/evidence', 'answer 2 to hello'])
  proxy.setTamper()
  expect(await evidence()).toBe('other GET /v1/evidence')
})

test('it follows a node to another port, and answers 502 while nobody is there', async () => {
  proxy.setTarget('http://127.0.0.1:1')
  expect((await fetch(`${proxy.url}/healthz`)).status).toBe(502)
  proxy.setTarget(urlOf(other))
  expect(await (await fetch(`${proxy.url}/healthz`)).text()).toBe('other GET /healthz')
})
