import * as openssl from 'node:crypto'
import * as hpke from '@hpke/core'

type Bytes = ArrayBufferLike | ArrayBufferView

const CIPHER = 'aes-128-gcm'
const TAG_BYTES = 16

/**
 * HPKE for a node, which opens far more than it seals. The library does all that is HPKE's own, and OpenSSL what the library would wait
 * for WebCrypto's thread pool for, some twenty times a request.
 */
export function createRecipientSuite(): hpke.CipherSuite {
  return new hpke.CipherSuite({ kem: new NodeDhkem(), kdf: new NodeHkdf(), aead: new NodeAes128Gcm() })
}

/** DHKEM of RFC 9180 §4.1 as OpenSSL has it; a shared point of zeros is refused (§7.1.4). */
class NodeDhkem extends hpke.DhkemX25519HkdfSha256 {
  override async decap({ recipientKey, enc }: hpke.RecipientContextParams): Promise<ArrayBuffer> {
    const { privateKey } = recipientKey as openssl.webcrypto.CryptoKeyPair
    return owned(openssl.decapsulate(openssl.KeyObject.from(privateKey), viewOf(enc)))
  }
}

/** RFC 5869 §2.2 and §2.3; nothing of HPKE's is longer than one block of it. */
class NodeHkdf extends hpke.HkdfSha256 {
  override async extract(salt: Bytes, ikm: Bytes): Promise<ArrayBuffer> {
    return owned(openssl.createHmac('sha256', viewOf(salt)).update(viewOf(ikm)).digest())
  }

  override async expand(prk: Bytes, info: Bytes, length: number): Promise<ArrayBuffer> {
    if (length > this.hashSize) return super.expand(prk, info, length)
    return owned(
      openssl.createHmac('sha256', viewOf(prk)).update(viewOf(info)).update('\x01').digest().subarray(0, length),
    )
  }

  override async extractAndExpand(salt: Bytes, ikm: Bytes, info: Bytes, length: number): Promise<ArrayBuffer> {
    return openssl.hkdfSync('sha256', viewOf(ikm), viewOf(salt), viewOf(info), length)
  }
}

/** The tag stands at the end (RFC 5116 §5.1). */
class NodeAes128Gcm extends hpke.Aes128Gcm {
  override createEncryptionContext(key: ArrayBuffer): hpke.AeadEncryptionContext {
    return {
      async seal(iv, data, aad) {
        const cipher = openssl.createCipheriv(CIPHER, viewOf(key), viewOf(iv)).setAAD(viewOf(aad))
        return owned(Buffer.concat([cipher.update(viewOf(data)), cipher.final(), cipher.getAuthTag()]))
      },
      async open(iv, data, aad) {
        const sealed = viewOf(data)
        const cipher = openssl.createDecipheriv(CIPHER, viewOf(key), viewOf(iv), { authTagLength: TAG_BYTES })
        cipher.setAAD(viewOf(aad)).setAuthTag(sealed.subarray(-TAG_BYTES))
        return owned(Buffer.concat([cipher.update(sealed.subarray(0, -TAG_BYTES)), cipher.final()]))
      },
    }
  }
}

function viewOf(bytes: Bytes): Uint8Array {
  const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(bytes) ? bytes : new Uint8Array(bytes)
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function owned(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
