import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { sigStructure, TeapotError } from '@teapot-network/trust'

/** The public half of a P-256 private key as an uncompressed point. @throws TeapotError `receipts/bad-key` for any other key */
export function pointOf(privateKey: KeyObject): Buffer {
  if (privateKey.type !== 'private' || privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new TeapotError('receipts/bad-key', 'Cannot sign checkpoints: expected a private P-256 key as receiptKey')
  }
  const { x, y } = createPublicKey(privateKey).export({ format: 'jwk' })
  return Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')])
}

/** Signs a checkpoint: ES256 over its Sig_structure, 64 bytes. */
export function signCheckpoint(privateKey: KeyObject, protectedBytes: Uint8Array, root: Uint8Array): Buffer {
  return sign('sha256', sigStructure(protectedBytes, root), { key: privateKey, dsaEncoding: 'ieee-p1363' })
}

/** Whether a checkpoint bears the signature of the key with this point. */
export function checkpointHolds(
  point: Buffer,
  checkpoint: { protectedBytes: Uint8Array; root: Uint8Array; signature: Uint8Array },
): boolean {
  const [x, y] = [point.toString('base64url', 1, 33), point.toString('base64url', 33, 65)]
  const key = createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x, y } })
  const message = sigStructure(checkpoint.protectedBytes, checkpoint.root)
  return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, checkpoint.signature)
}
