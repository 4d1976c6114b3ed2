import { connect } from 'node:net'
import { TeapotError } from '@teapot-network/trust'
import { describe, expect, it } from 'vitest'
import { createGreeter, createMemoryReceipts, createParts } from './parts.fixture.ts'
import type { ServeParts } from './parts.ts'
import { createServer } from './server.ts'

async function json(response: Response): Promise<{ code: string; message: string }> {
  return (await response.json()) as { code: string; message: string }
}

const post = (url: string, body: NonNullable<RequestInit['body']>): Promise<Response> =>
  fetch(url, { method: 'POST', body })

/** Writes raw bytes and gives everything that comes back until the server hangs up. */
function exchange(port: number, text: string, keepOpen = false): Promise<string> {
  return new Promise((resolve) => {
    let seen = ''
    const socket = connect(port, '127.0.0.1', () => (keepOpen ? socket.write(text) : socket.end(text)))
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => {
      seen += chunk
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(seen))
  })
}

describe('an unsealed call', () => {
  it('that cannot be put into an answer is told as a fault, and the server goes on', async () => {
    const actor = { name: 'hello', version: 1, sha256: `0x${'0'.repeat(64)}` as const, grants: [] }
    const caller: ServeParts['caller'] = {
      call: ({ operation, payload }, done) =>
        setImmediate(done, { outcome: 'ok', payload: operation === 'odd' ? (null as never) : payload, actor }),
    }
    const { receipts, ...parts } = createParts({ caller, limits: { inFlight: 1 } })
    for (const more of [{}, { receipts: receipts! }]) {
      await using server = await createServer({ ...parts, ...more })
      const odd = await post(`${server.url}/v1/actors/hello/odd`, '')
      expect([odd.status, (await json(odd)).code]).toEqual([500, 'serve/fault'])
      expect(await (await post(`${server.url}/v1/actors/hello/even`, 'tea')).text()).toBe('tea')
    }
  })

  it('answers with the result as body and the receipt, claims and salt in headers', async () => {
    await using server = await createServer(createParts())
    const response = await post(`${server.url}/v1/actors/hello/greet`, 'Ada')
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('Hello, Ada')
    const header = (name: string) => Buffer.from(response.headers.get(name)!, 'base64url').toString()
    expect(header('teapot-receipt')).toBe('receipt of hello ok')
    expect(header('teapot-claims')).toBe('claims of 1-0')
    expect(Buffer.from(response.headers.get('teapot-salt')!, 'base64url')).toHaveLength(16)
  })

  it('in mode later answers unproven, and serves the receipt by its id afterwards', async () => {
    await using server = await createServer(createParts())
    const response = await post(`${server.url}/v1/actors/hello/greet?mode=later`, 'Ada')
    expect(response.headers.get('teapot-proof')).toBe('unproven')
    expect(response.headers.has('teapot-receipt')).toBe(false)
    const id = response.headers.get('teapot-receipt-id')!
    const receipt = await fetch(`${server.url}/v1/receipts/${id}`)
    expect(await receipt.text()).toBe('receipt of hello ok')
  })

  it('takes names that are percent-encoded', async () => {
    await using server = await createServer(createParts())
    const response = await post(`${server.url}/v1/actors/h%65llo/greet`, 'x')
    expect(await response.text()).toBe('Hello, x')
  })

  it('that an actor failed at is an error with a receipt', async () => {
    await using server = await createServer(createParts())
    const response = await post(`${server.url}/v1/actors/hello/fail`, '')
    expect(response.status).toBe(422)
    expect(await json(response)).toEqual({ code: 'host/trap', message: 'it trapped' })
    expect(response.headers.has('teapot-receipt')).toBe(true)
  })

  it('to an unknown actor is 404 without a receipt: nothing could vouch for it', async () => {
    const receipts = createMemoryReceipts()
    await using server = await createServer(createParts({ receipts }))
    const response = await post(`${server.url}/v1/actors/nobody/greet`, '')
    expect(response.status).toBe(404)
    expect((await json(response)).code).toBe('host/unknown-actor')
    expect(receipts.issued).toBe(0)
  })

  it('whose receipt cannot be made durable does not leave the machine', async () => {
    const receipts = createMemoryReceipts()
    receipts.failure = new TeapotError('receipts/disk-full', 'no room', { kind: 'unavailable' })
    await using server = await createServer(createParts({ receipts }))
    const response = await post(`${server.url}/v1/actors/hello/greet`, 'Ada')
    expect(response.status).toBe(503)
    expect(await json(response)).toEqual({ code: 'receipts/disk-full', message: 'no room' })
  })

  it('above the size limit is 413, whether the length was announced or not', async () => {
    await using server = await createServer(createParts({ limits: { bodyBytes: 1000 } }))
    const announced = await post(`${server.url}/v1/actors/hello/greet`, 'x'.repeat(1001))
    expect(announced.status).toBe(413)
    expect((await json(announced)).code).toBe('serve/body-too-large')
    const chunk = `3e9\r\n${'x'.repeat(1001)}\r\n0\r\n\r\n`
    const head = 'POST /v1/actors/hello/greet HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n'
    expect(await exchange(server.port, head + chunk, true)).toMatch(/^HTTP\/1.1 413 .*serve\/body-too-large/s)
    const exact = await post(`${server.url}/v1/actors/hello/greet`, 'x'.repeat(1000))
    expect(exact.status).toBe(200)
  })

  it('beyond the room for calls in flight is 503, and room comes back', async () => {
    const caller = createGreeter()
    await using server = await createServer(createParts({ caller, limits: { inFlight: 1 } }))
    const first = post(`${server.url}/v1/actors/hello/wait`, 'a')
    await expect.poll(async () => (await fetch(`${server.url}/metrics`)).text()).toContain('teapot_calls_in_flight 1')
    const second = await post(`${server.url}/v1/actors/hello/greet`, 'b')
    expect(second.status).toBe(503)
    expect((await json(second)).code).toBe('serve/busy')
    caller.release()
    expect((await first).status).toBe(200)
    expect((await post(`${server.url}/v1/actors/hello/greet`, 'c')).status).toBe(200)
  })
})

describe('routes', () => {
  it('give status, evidence by digest, checkpoint and health', async () => {
    await using server = await createServer(createParts())
    expect(await (await fetch(`${server.url}/healthz`)).text()).toBe('ok\n')
    expect(await (await fetch(`${server.url}/v1/status`)).json()).toEqual({ node: 'n' })
    const evidence = await fetch(`${server.url}/v1/evidence`)
    expect(evidence.headers.get('content-type')).toBe('application/cbor')
    expect(await evidence.text()).toBe('evidence')
    const digest = evidence.headers.get('teapot-evidence')
    expect(await (await fetch(`${server.url}/v1/evidence/${digest}`)).text()).toBe('evidence')
    expect((await fetch(`${server.url}/v1/evidence/0x00`)).status).toBe(404)
    expect((await fetch(`${server.url}/v1/receipts/9-9`)).status).toBe(404)
    expect(await (await fetch(`${server.url}/v1/checkpoint`)).text()).toBe('checkpoint')
  })

  it('say so when there is no evidence yet', async () => {
    const evidence = { current: () => undefined, get: () => undefined }
    await using server = await createServer(createParts({ evidence }))
    expect((await fetch(`${server.url}/v1/evidence`)).status).toBe(503)
  })

  it('that do not exist are 404, other methods 405 with those that are allowed', async () => {
    await using server = await createServer(createParts())
    const missing = await fetch(`${server.url}/v2/anything`)
    expect([missing.status, (await json(missing)).code]).toEqual([404, 'serve/no-such-route'])
    const wrong = await post(`${server.url}/v1/status`, '')
    expect([wrong.status, (await json(wrong)).code]).toEqual([405, 'serve/method-not-allowed'])
    expect(wrong.headers.get('allow')).toBe('GET, HEAD')
    expect((await fetch(`${server.url}/v1/actors/hello/greet`)).status).toBe(405)
  })

  it('let pages of any origin call', async () => {
    await using server = await createServer(createParts())
    const preflight = await fetch(`${server.url}/v1/calls`, { method: 'OPTIONS' })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-methods')).toBe('POST')
    expect((await fetch(`${server.url}/healthz`)).headers.get('access-control-allow-origin')).toBe('*')
  })

  it('count calls and refusals as Prometheus text', async () => {
    await using server = await createServer(createParts({ metrics: () => 'teapot_more 1\n' }))
    await post(`${server.url}/v1/actors/hello/greet`, 'Ada')
    await fetch(`${server.url}/nothing`)
    const text = await (await fetch(`${server.url}/metrics`)).text()
    expect(text).toContain('teapot_calls_total{outcome="ok",sealed="false"} 1')
    expect(text).toContain('teapot_requests_refused_total{code="serve/no-such-route"} 1')
    expect(text).toContain('teapot_more 1')
  })

  it('take a block from a publisher, or say why not', async () => {
    const taken: string[] = []
    const acceptBlock = async (cid: string, bytes: Uint8Array) => {
      if (cid !== 'bafygood') throw new TeapotError('provision/not-on-ledger', 'no entry names it')
      taken.push(Buffer.from(bytes).toString())
    }
    await using server = await createServer(createParts({ acceptBlock, limits: { blockBytes: 10 } }))
    const put = (cid: string, body: string) => fetch(`${server.url}/v1/blocks/${cid}`, { method: 'PUT', body })
    expect((await put('bafygood', 'bytes')).status).toBe(201)
    expect(taken).toEqual(['bytes'])
    const refused = await put('bafybad', 'bytes')
    expect([refused.status, (await json(refused)).code]).toEqual([422, 'provision/not-on-ledger'])
    expect((await put('bafygood', 'eleven byte')).status).toBe(413)
  })

  it('hide what failed inside the node', async () => {
    const status = () => {
      throw new Error('secret path /root')
    }
    await using server = await createServer(createParts({ status }))
    const response = await fetch(`${server.url}/v1/status`)
    expect(response.status).toBe(500)
    const failure = await json(response)
    expect(failure.code).toBe('serve/fault')
    expect(failure.message).not.toContain('secret')
  })
})

describe('a server', () => {
  it('on a port in use says so and what to do', async () => {
    await using server = await createServer(createParts())
    const again = createServer(createParts({ listen: { host: '127.0.0.1', port: server.port } }))
    await expect(again).rejects.toMatchObject({ code: 'serve/port-in-use', kind: 'unavailable' })
    // TEST-NET-3 (RFC 5737): no machine has it.
    const elsewhere = createServer(createParts({ listen: { host: '203.0.113.1', port: 0 } }))
    await expect(elsewhere).rejects.toMatchObject({ code: 'serve/cannot-listen', kind: 'fault' })
    const evidence = await fetch(`${server.url}/v1/evidence/0x${'00'.repeat(32)}`)
    expect([evidence.status, await json(evidence)]).toMatchObject([404, { code: 'serve/unknown-evidence' }])
  })

  it('that closes finishes the calls in flight and takes no new ones', async () => {
    const caller = createGreeter()
    const server = await createServer(createParts({ caller }))
    const pending = post(`${server.url}/v1/actors/hello/wait`, 'Ada')
    await expect.poll(async () => (await fetch(`${server.url}/metrics`)).text()).toContain('teapot_calls_in_flight 1')
    const closed = server[Symbol.asyncDispose]()
    await expect(fetch(`${server.url}/healthz`, { headers: { connection: 'close' } })).rejects.toThrow()
    caller.release()
    expect(await (await pending).text()).toBe('Hello, Ada')
    await closed
  })

  it('that closes cuts what does not finish in time', async () => {
    const server = await createServer(createParts({ limits: { drainTimeoutMs: 50 } }))
    const pending = post(`${server.url}/v1/actors/hello/wait`, 'Ada')
    pending.catch(() => undefined)
    await expect.poll(async () => (await fetch(`${server.url}/metrics`)).text()).toContain('teapot_calls_in_flight 1')
    await server[Symbol.asyncDispose]()
    await expect(pending).rejects.toThrow()
  })

  it('hangs up on a client that trickles its head', async () => {
    await using server = await createServer(createParts({ limits: { headersTimeoutMs: 200, requestTimeoutMs: 400 } }))
    const seen = await exchange(server.port, 'POST /v1/calls HTTP/1.1\r\nhost: x\r\n', true)
    expect(seen).toMatch(/^HTTP\/1.1 408 .*"serve\/request-timeout"/s)
  })

  it('hangs up on a client that does not read its answer', async () => {
    const closed = Promise.withResolvers<void>()
    const gateway: ServeParts['gateway'] = (_, response) => {
      response
        .once('close', closed.resolve)
        .writeHead(200)
        .end(Buffer.alloc(2 ** 25))
    }
    // Time enough for the request to come, too: until it has, the connection is idle.
    await using server = await createServer(createParts({ gateway, limits: { keepAliveTimeoutMs: 2_000 } }))
    const deaf = connect(server.port, '127.0.0.1', () => deaf.write('GET /ipfs/x HTTP/1.1\r\nhost: x\r\n\r\n')).pause()
    deaf.on('error', () => undefined)
    await closed.promise
    deaf.destroy()
  })

  it('holds no more of bodies than it has room for, and has it again when they end', async () => {
    await using server = await createServer(createParts({ limits: { heldBytes: 400_000 } }))
    const head = (bytes: number) =>
      `POST /v1/actors/hello/greet HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes}\r\n\r\n`
    const begun = [1, 2].map(() => connect(server.port, '127.0.0.1').on('error', () => undefined))
    for (const socket of begun) socket.write(head(190_000) + 'x'.repeat(180_000))
    await expect.poll(async () => (await fetch(`${server.url}/metrics`)).text()).toContain('teapot_body_bytes 360000')
    const refused = await exchange(server.port, head(150_000) + 'x'.repeat(150_000), true)
    expect(refused).toMatch(/^HTTP\/1.1 503 .*serve\/busy/s)
    expect((await post(`${server.url}/v1/actors/hello/greet`, 'small')).status).toBe(200)
    for (const socket of begun) socket.destroy()
    await expect.poll(async () => (await fetch(`${server.url}/metrics`)).text()).toContain('teapot_body_bytes 0')
    expect((await post(`${server.url}/v1/actors/hello/greet`, 'x'.repeat(390_000))).status).toBe(200)
  })

  it('refuses a head that is too large, and what is not HTTP, in JSON', async () => {
    await using server = await createServer(createParts())
    const large = await exchange(server.port, `GET /healthz HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(20_000)}\r\n\r\n`)
    expect(large).toMatch(/^HTTP\/1.1 431 .*"serve\/headers-too-large"/s)
    const junk = await exchange(server.port, '\x16\x03\x01junk\r\n\r\n')
    expect(junk).toMatch(/^HTTP\/1.1 400 .*"serve\/malformed-request"/s)
  })
})
