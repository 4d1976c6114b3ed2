import { concatBytes, equalBytes, fromHex, type NodeId, toHex } from '../bytes.ts'
import { sha256 } from '../digest.ts'
import { leftPad, readWire, refuseTpm, TPM_ALG } from './wire.ts'

const AK_HEAD = fromHex('0x0023000b00050472000000100018000b000300100020')
const COORDINATE_HEAD = Uint8Array.of(0, 32)

/** How long the TPMT_PUBLIC of an AK is: with two coordinates. */
export const AK_BYTES = AK_HEAD.length + 32 + COORDINATE_HEAD.length + 32

/** The key's Name: nameAlg ‖ SHA-256(TPMT_PUBLIC), 34 bytes. @throws TeapotError `tpm/malformed` when nameAlg is not SHA-256 */
export function tpmName(publicArea: Uint8Array): Uint8Array {
  const nameAlg = readWire(publicArea.subarray(2), 'TPMT_PUBLIC').u16()
  if (nameAlg !== TPM_ALG.sha256) refuseTpm('TPMT_PUBLIC', 'name algorithm SHA-256', `0x${nameAlg.toString(16)}`)
  return concatBytes(Uint8Array.of(0x00, 0x0b), sha256(publicArea))
}

/** The TPMT_PUBLIC of an AK with this point: spec/evidence.md §1. */
export function akPublic(x: Uint8Array, y: Uint8Array): Uint8Array {
  return concatBytes(AK_HEAD, leftPad(x, 32), COORDINATE_HEAD, leftPad(y, 32))
}

/** The point of an AK, uncompressed, 65 bytes; undefined where it departs from the one template that we take (spec/evidence.md §1). */
export function akPoint(publicArea: Uint8Array): Uint8Array | undefined {
  const [x, y] = [publicArea.subarray(AK_HEAD.length, AK_HEAD.length + 32), publicArea.subarray(-32)]
  return equalBytes(akPublic(x, y), publicArea) ? concatBytes(Uint8Array.of(4), x, y) : undefined
}

/** SHA-256 of the AK's Name. @throws TeapotError `tpm/malformed` when nameAlg is not SHA-256 */
export function nodeIdOf(publicArea: Uint8Array): NodeId {
  return toHex(sha256(tpmName(publicArea)))
}
