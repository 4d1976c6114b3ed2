import { equalBytes, type Hex } from '../bytes.ts'
import { type CborValue, decodeCbor, decodeCborSequence } from '../cbor.ts'
import { shapeOf } from '../cbor-shape.ts'
import { sigStructure } from '../proof/cose.ts'

/** An attestation document of AWS Nitro Enclaves (AWS, "Verifying the root of trust": attestation document specification). */
export interface NitroDocument {
  /** Milliseconds since 1970. */
  timestamp: number
  /** SHA-384, by index. */
  pcrs: ReadonlyMap<number, Hex>
  /** DER of the key's certificate, then of its issuers up to the root. */
  chain: Uint8Array[]
  /** Empty when there is none. */
  userData: Uint8Array
  /** What is signed: COSE's Sig_structure (RFC 9052 §4.4). */
  signed: Uint8Array
  /** r ‖ s, 48 bytes each. */
  signature: Uint8Array
}

const FIELDS = 'module_id digest timestamp pcrs certificate cabundle public_key user_data nonce'.split(' ')
/** CBOR `{1: -35}`: ES384 (RFC 9053 §2.1). */
const ES384 = Uint8Array.of(0xa1, 0x01, 0x38, 0x22)
/** A map of nine, whose keys AWS does not sort. */
const MAP_OF_NINE = 0xa9
const MAX_ISSUERS = 8
/** The last millisecond that a Date can tell. */
const MAX_TIME = 8.64e15
const shape = shapeOf('nitro/malformed', 'Nitro attestation document')

/**
 * Reads an untagged COSE_Sign1 with exactly the fields that AWS documents.
 * @param collateral must be empty: all that AWS says is in the document
 * @throws TeapotError `nitro/malformed`, `cbor/malformed`
 */
export function parseNitroDocument(bytes: Uint8Array, collateral: Uint8Array = new Uint8Array()): NitroDocument {
  shape.bytes(collateral, 'collateral', 0)
  const [header, unprotected, body, signature] = shape.array(decodeCbor(bytes), 'COSE_Sign1', 4)
  const algorithm = shape.bytes(header, 'protected header')
  if (!equalBytes(algorithm, ES384)) shape.refuse('protected header', 'ES384 alone', 'another')
  shape.map(unprotected, 'unprotected header', [])
  const payload = shape.bytes(body, 'payload')
  const map = shape.map(readPayload(payload), 'payload', FIELDS)
  shape.oneOf(map.get('digest'), 'digest', ['SHA384'])
  const issuers = shape.array(map.get('cabundle'), 'cabundle').map((der) => shape.bytes(der, 'cabundle'))
  if (issuers.length < 1 || issuers.length > MAX_ISSUERS) {
    shape.refuse('cabundle', `1 to ${MAX_ISSUERS} certificates`, `${issuers.length}`)
  }
  const timestamp = shape.uint(map.get('timestamp'), 'timestamp')
  if (timestamp > MAX_TIME) shape.refuse('timestamp', 'milliseconds since 1970', `${timestamp}`)
  const bytesOrNull = (name: string) => (map.get(name) === null ? new Uint8Array() : shape.bytes(map.get(name), name))
  shape.text(map.get('module_id'), 'module_id')
  for (const name of ['public_key', 'nonce']) bytesOrNull(name)
  return {
    timestamp,
    pcrs: readPcrs(map.get('pcrs')),
    chain: [shape.bytes(map.get('certificate'), 'certificate'), ...issuers.reverse()],
    userData: bytesOrNull('user_data'),
    signed: sigStructure(algorithm, payload),
    signature: shape.bytes(signature, 'signature', 96),
  }
}

/** Keys in any order, each once: what is missing or unknown is seen by whoever reads the map. */
function readPayload(payload: Uint8Array): Map<string, CborValue> {
  if (payload[0] !== MAP_OF_NINE) shape.refuse('payload', 'a map of nine', 'another')
  const items = decodeCborSequence(payload.subarray(1)).map(({ value }) => value)
  if (items.length !== FIELDS.length * 2) shape.refuse('payload', 'nine pairs', `${items.length} items`)
  return new Map(FIELDS.map((_, i) => [shape.text(items[i * 2], 'payload'), items[i * 2 + 1]!]))
}

function readPcrs(value: CborValue | undefined): Map<number, Hex> {
  if (!(value instanceof Map)) return shape.refuse('pcrs', 'a map', typeof value)
  return new Map(
    Array.from(value, ([index, pcr]) => {
      const number = shape.uint(index, 'pcrs')
      return [number < 32 ? number : shape.refuse('pcrs', 'an index below 32', `${number}`), shape.hex(pcr, 'pcrs', 48)]
    }),
  )
}
