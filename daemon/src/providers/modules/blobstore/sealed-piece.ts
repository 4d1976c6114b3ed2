import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** A key for one object. */
export function newObjectKey(): Uint8Array {
  return randomBytes(32)
}

/**
 * Seals a piece of an object: nonce ‖ ciphertext ‖ tag (AES-256-GCM). The content store serves whoever names a CID, so what lies
 * there is of no use without the key, which stays in the provider's index; and no two objects share a block.
 */
export function seal(bytes: Uint8Array, key: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, nonce)
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
}

/** Opens what {@link seal} made. @throws Error when it was made otherwise */
export function open(sealed: Uint8Array, key: Uint8Array): Uint8Array {
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
}
