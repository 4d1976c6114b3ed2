import { concatBytes } from '../bytes.ts'
import { leftPad, readWire, refuseTpm, TPM_ALG } from './wire.ts'

/**
 * What an AK signed, r ‖ s of 32 bytes each, from its TPMT_SIGNATURE: ECDSA with SHA-256 (TPM 2.0 Part 2 §11.3.4).
 * @throws TeapotError `tpm/malformed` for another scheme or hash, truncation or trailing bytes
 */
export function parseAkSignature(bytes: Uint8Array): Uint8Array {
  const reader = readWire(bytes, 'TPMT_SIGNATURE')
  const [scheme, hash] = [reader.u16(), reader.u16()]
  if (scheme !== TPM_ALG.ecdsa || hash !== TPM_ALG.sha256) {
    refuseTpm('TPMT_SIGNATURE', 'ECDSA with SHA-256', `0x${scheme.toString(16)} with 0x${hash.toString(16)}`)
  }
  const signature = concatBytes(leftPad(reader.sized(), 32), leftPad(reader.sized(), 32))
  reader.end()
  return signature
}
