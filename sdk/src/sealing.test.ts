import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import { digestOf, fromHex, toHex, utf8 } from '@teapot-network/trust'
import {
  type CallRequest,
  type CallResponse,
  callInfo,
  encodeCallResponse,
  encodeSealedResponse,
  parseCallRequest,
  parseSealedRequest,
  requestDigest,
} from '@teapot-network/trust/call'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { type SealTarget, sealCall } from './sealing.ts'

/** A node written from spec/call.md §2 over the bare HPKE library. */
const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() })
const request: CallRequest = { actor: 'hello', operation: 'greet', payload: utf8('Ada'), mode: 'inline' }
const response: CallResponse = {
  outcome: 'ok',
  payload: utf8('Hello, Ada'),
  claims: utf8('claims'),
  salt: new Uint8Array(16),
  receipt: null,
  id: '1.0.x',
  trace: null,
  children: [],
}
let pair: CryptoKeyPair
let target: SealTarget
beforeAll(async () => {
  pair = (await crypto.subtle.generateKey({ name: 'X25519' }, false, ['deriveBits'])) as CryptoKeyPair
  const sealKey = toHex(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)))
  target = { sealKey, run: digestOf(utf8('run')), evidence: digestOf(utf8('evidence')) }
})

/** Opens a sealed request and gives what it says, and the answer to it. */
async function answer(body: Uint8Array, of: CallRequest = request) {
  const { run, evidence, enc, ct } = parseSealedRequest(body)
  const context = await suite.createRecipientContext({ recipientKey: pair, enc, info: callInfo(run, evidence) })
  const opened = parseCallRequest(new Uint8Array(await context.open(ct)))
  const rawKey = await context.export(utf8('teapot/response/1'), 16)
  const key = await crypto.subtle.importKey('raw', rawKey, 'AES-GCM', false, ['encrypt'])
  const nonce = crypto.getRandomValues(new Uint8Array(12))
  const additionalData = fromHex(requestDigest(of)) as BufferSource
  const algorithm = { name: 'AES-GCM', iv: nonce, additionalData }
  const sealed = await crypto.subtle.encrypt(algorithm, key, encodeCallResponse(response) as BufferSource)
  return { opened, bytes: encodeSealedResponse({ nonce, ct: new Uint8Array(sealed) }) }
}

const unsealFailed = { code: 'sdk/unseal-failed' }

describe('a sealed call', () => {
  it('opens at the attested run, whose answer opens here', async () => {
    const sealed = await sealCall(target, request)
    const { opened, bytes } = await answer(sealed.body)
    expect(opened).toEqual(request)
    expect(await sealed.open(bytes)).toEqual(response)
  })

  it('is sealed afresh every time, so that equal requests look unlike', async () => {
    const [a, b] = [await sealCall(target, request), await sealCall(target, request)]
    expect(parseSealedRequest(a.body).enc).not.toEqual(parseSealedRequest(b.body).enc)
  })

  it('does not take the recorded answer to another request, though word for word the same', async () => {
    const [first, second] = [await sealCall(target, request), await sealCall(target, request)]
    const { bytes } = await answer(first.body)
    await expect(second.open(bytes)).rejects.toMatchObject(unsealFailed)
  })

  it('does not take an answer that was sealed for another request digest', async () => {
    const sealed = await sealCall(target, request)
    const { bytes } = await answer(sealed.body, { ...request, payload: utf8('Bob') })
    await expect(sealed.open(bytes)).rejects.toMatchObject(unsealFailed)
  })

  it('does not take an answer with any bit flipped', async () => {
    const sealed = await sealCall(target, request)
    const { bytes } = await answer(sealed.body)
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length * 8 - 1), async (bit) => {
        const flipped = Uint8Array.from(bytes)
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        await expect(sealed.open(flipped)).rejects.toMatchObject({ name: 'TeapotError' })
      }),
    )
  })

  it('does not take junk', async () => {
    const sealed = await sealCall(target, request)
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (junk) => {
        await expect(sealed.open(junk)).rejects.toMatchObject({ name: 'TeapotError' })
      }),
    )
  })
})
