import { concatBytes, fromHex, type Hex } from '@teapot-network/trust'
import { base58btc } from 'multiformats/bases/base58'

/** Identity multihash (0x00, 36 bytes) of the protobuf of an Ed25519 public key (libp2p peer-id specification). */
const ED25519_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)

/** The libp2p peer id, as text, of a raw Ed25519 public key. */
export function peerIdText(peerKey: Hex): string {
  return base58btc.baseEncode(concatBytes(ED25519_PREFIX, fromHex(peerKey)))
}
