import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import { type Digest, fromHex, type Hex, TeapotError, utf8 } from '@teapot-network/trust'
import {
  type CallRequest,
  type CallResponse,
  callInfo,
  encodeCallRequest,
  encodeSealedRequest,
  parseCallResponse,
  parseSealedResponse,
  RESPONSE_EXPORT_LABEL,
  requestDigest,
} from '@teapot-network/trust/call'

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() })

/** The attested keys that a request is sealed to. */
export interface SealTarget {
  /** X25519 public key out of appraised evidence. */
  sealKey: Hex
  run: Digest
  /** Digest of that evidence. */
  evidence: Digest
}

/** A sealed request and the only way to open its answer. */
export interface SealedCall {
  body: Uint8Array
  /**
   * Opens the answer to this very request.
   * @throws TeapotError `sdk/unseal-failed` when it was altered, or recorded from another request or run
   */
  open(answer: Uint8Array): Promise<CallResponse>
}

/** Seals a request to a run's key: HPKE base mode (RFC 9180), spec/call.md §2. A fresh key every time. */
export async function sealCall(target: SealTarget, call: CallRequest): Promise<SealedCall> {
  const recipientPublicKey = await suite.kem.deserializePublicKey(fromHex(target.sealKey))
  const info = callInfo(target.run, target.evidence)
  const context = await suite.createSenderContext({ recipientPublicKey, info })
  const ct = new Uint8Array(await context.seal(encodeCallRequest(call)))
  const rawKey = await context.export(utf8(RESPONSE_EXPORT_LABEL), 16)
  const { run, evidence } = target
  return {
    body: encodeSealedRequest({ run, evidence, enc: new Uint8Array(context.enc), ct }),
    open: (answer) => openAnswer(rawKey, call, answer),
  }
}

async function openAnswer(rawKey: ArrayBuffer, call: CallRequest, answer: Uint8Array): Promise<CallResponse> {
  const { nonce, ct } = parseSealedResponse(answer)
  const additionalData = fromHex(requestDigest(call)) as BufferSource
  const key = await crypto.subtle.importKey('raw', rawKey, 'AES-GCM', false, ['decrypt'])
  let plaintext: ArrayBuffer
  try {
    plaintext = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv: nonce as BufferSource, additionalData },
      key,
      ct as BufferSource,
    )
  } catch (cause) {
    throw new TeapotError(
      'sdk/unseal-failed',
      'Cannot unseal the answer: expected one sealed for this request by the attested run, found bytes that were altered or belong to another request; call again',
      { cause },
    )
  }
  return parseCallResponse(new Uint8Array(plaintext))
}
