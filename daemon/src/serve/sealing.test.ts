import type { webcrypto } from 'node:crypto'
import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import { type Digest, digestOf, fromHex, utf8 } from '@teapot-network/trust'
import {
  type CallRequest,
  callInfo,
  encodeCallRequest,
  encodeSealedRequest,
  parseCallResponse,
  parseSealedRequest,
  parseSealedResponse,
  requestDigest,
} from '@teapot-network/trust/call'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { createParts } from './parts.fixture.ts'
import { createSealKey } from './sealing.ts'
import { createServer } from './server.ts'

/** A client written from spec/call.md §2 over the bare HPKE library. */
const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() })
const run = digestOf(utf8('run'))
const evidence = digestOf(utf8('evidence'))
const request: CallRequest = { actor: 'hello', operation: 'greet', payload: utf8('Ada'), mode: 'inline' }
let pair: webcrypto.CryptoKeyPair
beforeAll(async () => {
  pair = (await crypto.subtle.generateKey('X25519', true, ['deriveBits'])) as webcrypto.CryptoKeyPair
})

async function seal(plaintext: Uint8Array, to: { run: Digest; evidence: Digest } = { run, evidence }) {
  const context = await suite.createSenderContext({
    recipientPublicKey: pair.publicKey,
    info: callInfo(to.run, to.evidence),
  })
  const ct = new Uint8Array(await context.seal(plaintext))
  const key = await context.export(utf8('teapot/response/1'), 16)
  return { body: encodeSealedRequest({ ...to, enc: new Uint8Array(context.enc), ct }), key }
}

async function unseal(answer: Uint8Array, rawKey: ArrayBuffer, of: CallRequest): Promise<Uint8Array> {
  const { nonce, ct } = parseSealedResponse(answer)
  const key = await crypto.subtle.importKey('raw', rawKey, 'AES-GCM', false, ['decrypt'])
  const additionalData = fromHex(requestDigest(of)) as Uint8Array<ArrayBuffer>
  const algorithm = { name: 'AES-GCM', iv: nonce as Uint8Array<ArrayBuffer>, additionalData }
  return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, ct as Uint8Array<ArrayBuffer>))
}

const start = () => createServer(createParts({ sealKey: createSealKey(pair) }))
const send = (url: string, body: Uint8Array) =>
  fetch(`${url}/v1/calls`, { method: 'POST', body: body as Uint8Array<ArrayBuffer> })
const answerTo = async (url: string, body: Uint8Array) => new Uint8Array(await (await send(url, body)).arrayBuffer())

describe('a sealed call', () => {
  it('is answered under a key that only its sealer can export', async () => {
    await using server = await start()
    const { body, key } = await seal(encodeCallRequest(request))
    const response = parseCallResponse(await unseal(await answerTo(server.url, body), key, request))
    expect(response).toMatchObject({ outcome: 'ok', payload: utf8('Hello, Ada'), id: '1-0' })
    expect(response.receipt).toEqual(utf8('receipt of hello ok'))
  })

  it('in mode later is answered without a receipt', async () => {
    await using server = await start()
    const later: CallRequest = { ...request, mode: 'later' }
    const { body, key } = await seal(encodeCallRequest(later))
    expect(parseCallResponse(await unseal(await answerTo(server.url, body), key, later)).receipt).toBeNull()
  })

  it('that fails hides its outcome from the network', async () => {
    await using server = await start()
    const failing: CallRequest = { ...request, operation: 'fail' }
    const { body, key } = await seal(encodeCallRequest(failing))
    const answer = await send(server.url, body)
    expect(answer.status).toBe(200)
    const opened = await unseal(new Uint8Array(await answer.arrayBuffer()), key, failing)
    expect(parseCallResponse(opened).outcome).toBe('host/trap')
  })

  it('to an unknown actor is answered with nothing to vouch for it', async () => {
    await using server = await start()
    const unknown: CallRequest = { ...request, actor: 'nobody' }
    const { body, key } = await seal(encodeCallRequest(unknown))
    const response = parseCallResponse(await unseal(await answerTo(server.url, body), key, unknown))
    expect(response).toMatchObject({ outcome: 'host/unknown-actor', claims: new Uint8Array(0), receipt: null })
  })

  it('replayed is answered anew, to the same sealer only', async () => {
    await using server = await start()
    const { body, key } = await seal(encodeCallRequest(request))
    const other = await seal(encodeCallRequest(request))
    const replayed = await answerTo(server.url, body)
    expect(parseCallResponse(await unseal(replayed, key, request)).outcome).toBe('ok')
    await expect(unseal(replayed, other.key, request)).rejects.toThrow()
  })

  it('to another run or to unknown evidence is refused as stale', async () => {
    await using server = await start()
    for (const to of [
      { run: digestOf(utf8('another')), evidence },
      { run, evidence: digestOf(utf8('another')) },
    ]) {
      const answer = await send(server.url, (await seal(encodeCallRequest(request), to)).body)
      expect(answer.status).toBe(409)
      expect(await answer.json()).toMatchObject({ code: 'serve/stale-seal' })
    }
  })

  it('sealed for other evidence than it names does not open', async () => {
    await using server = await start()
    const { body } = await seal(encodeCallRequest(request), { run, evidence: digestOf(utf8('another')) })
    const renamed = encodeSealedRequest({ ...parseSealedRequest(body), evidence })
    const answer = await send(server.url, renamed)
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'serve/cannot-unseal' }])
  })

  it('with any bit flipped is refused with 4xx JSON', async () => {
    await using server = await start()
    const { body } = await seal(encodeCallRequest(request))
    await fc.assert(
      fc.asyncProperty(fc.nat(body.length * 8 - 1), async (bit) => {
        const flipped = Uint8Array.from(body)
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        await expectRefusal(await send(server.url, flipped))
      }),
      { numRuns: 60 },
    )
  })

  it('to a point without a secret, which would give every node the same keys, is refused', async () => {
    await using server = await start()
    for (const point of [0, 1]) {
      const enc = Uint8Array.of(point, ...new Uint8Array(31))
      const body = encodeSealedRequest({ run, evidence, enc, ct: new Uint8Array(64) })
      const answer = await send(server.url, body)
      expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'serve/cannot-unseal' }])
    }
  })

  it('whose plaintext is junk is refused with 4xx JSON', async () => {
    await using server = await start()
    for (const junk of [new Uint8Array(0), utf8('junk'), encodeCallRequest(request).subarray(1)]) {
      await expectRefusal(await send(server.url, (await seal(junk)).body))
    }
  })
})

it('junk bodies on any route only ever give 4xx JSON, and the server goes on', async () => {
  await using server = await start()
  const route = fc.constantFrom(
    'POST /v1/calls',
    'POST /v1/actors/x',
    'POST /v1/actors/nobody/y?mode=now',
    'POST /v1/actors/%ff/y',
    'PUT /v1/blocks/x',
    'POST /v1/evidence',
    'DELETE /v1/status',
  )
  await fc.assert(
    fc.asyncProperty(route, fc.uint8Array({ maxLength: 300 }), async (route, body) => {
      const [method, path] = route.split(' ') as [string, string]
      await expectRefusal(await fetch(server.url + path, { method, body: body as Uint8Array<ArrayBuffer> }))
    }),
    { numRuns: 150 },
  )
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
})

async function expectRefusal(answer: Response): Promise<void> {
  expect(answer.status).toBeGreaterThanOrEqual(400)
  expect(answer.status).toBeLessThan(500)
  const { code, message } = (await answer.json()) as Record<string, unknown>
  expect(code).toMatch(/^[a-z]+\/[a-z-]+$/)
  expect(typeof message).toBe('string')
}
