import { randomBytes, type webcrypto } from 'node:crypto'
import { type Digest, fromHex, TeapotError, utf8 } from '@teapot-network/trust'
import {
  callInfo,
  encodeCallResponse,
  encodeSealedResponse,
  parseCallRequest,
  parseSealedRequest,
  RESPONSE_EXPORT_LABEL,
  type SealedRequest,
} from '@teapot-network/trust/call'
import { fastRequestDigest } from './call-digests.ts'
import type { Call, Performed, SealKey } from './parts.ts'
import { responseOf } from './perform.ts'
import { createRecipientSuite } from './recipient-suite.ts'

const suite = createRecipientSuite()

/**
 * The opening end of a run's seal key.
 * @param pair X25519, extractable
 */
export function createSealKey(pair: webcrypto.CryptoKeyPair): SealKey {
  return {
    async open(body, run, knows) {
      const sealed = parseSealedRequest(body)
      if (sealed.run !== run || !knows(sealed.evidence)) throw staleSeal(run)
      const { plaintext, responseKey } = await unseal(pair, sealed)
      const { mode, ...call } = parseCallRequest(plaintext)
      return { call, mode, seal: (performed) => sealAnswer(responseKey, call, performed) }
    },
  }
}

async function unseal(recipientKey: webcrypto.CryptoKeyPair, sealed: SealedRequest) {
  try {
    const context = await suite.createRecipientContext({
      recipientKey,
      enc: sealed.enc,
      info: callInfo(sealed.run, sealed.evidence),
    })
    const plaintext = new Uint8Array(await context.open(sealed.ct))
    return { plaintext, responseKey: await context.export(utf8(RESPONSE_EXPORT_LABEL), 16) }
  } catch (cause) {
    throw new TeapotError(
      'serve/cannot-unseal',
      "Cannot unseal the request: it was altered, or sealed to another key than this run's; fetch the evidence and seal again",
      { cause },
    )
  }
}

/** AES-128-GCM under the request's own exported key; the request's digest is authenticated with it (spec/call.md §2). */
async function sealAnswer(key: ArrayBuffer, call: Call, performed: Performed): Promise<Uint8Array> {
  const nonce = new Uint8Array(randomBytes(12))
  const plaintext = encodeCallResponse(responseOf(performed)) as Uint8Array<ArrayBuffer>
  const additionalData = fromHex(fastRequestDigest(call)) as Uint8Array<ArrayBuffer>
  const ct = await suite.aead.createEncryptionContext(key).seal(nonce, plaintext, additionalData)
  return encodeSealedResponse({ nonce, ct: new Uint8Array(ct) })
}

function staleSeal(run: Digest): TeapotError {
  return new TeapotError(
    'serve/stale-seal',
    `Cannot unseal the request: expected it sealed to run ${run} and to evidence of that run; fetch the evidence and seal again`,
  )
}
