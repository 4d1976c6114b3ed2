import {
  type Address,
  concatBytes,
  type Digest,
  digestOf,
  fromHex,
  type Hex,
  parseAkSignature,
  toHex,
  utf8,
} from '@teapot-network/trust'

/** What a node registers, and where: all that its AK and its vote key agree to (spec/ledger.md §4.3). */
export interface Registration {
  chainId: number
  /** The NodeRegistry. */
  registry: Address
  operator: Address
  ekDigest: Digest
  /** Uncompressed P-256 point. */
  voteKey: Hex
  contact: string
}

/** The two keys that a registration proves. */
export interface RegistrationKeys {
  /** Uncompressed P-256 point of the AK. */
  ak: Uint8Array
  /** The private half of the vote key. */
  vote: CryptoKey
  /** Signs 32 bytes and PCRs with the AK. */
  quote(qualifyingData: Digest, pcrs: readonly number[]): Promise<{ attest: Uint8Array; signature: Uint8Array }>
}

/** Of the firmware: it holds still, and what quotes it alone is no evidence. */
const QUOTED_PCRS = [0]
const ES256 = { name: 'ECDSA', hash: 'SHA-256' } as const

/** The bytes whose SHA-256 the quote bears and the vote key signs. No two registrations have the same, nor has anything else that either key signs. */
export function encodeRegistration(said: Registration): Uint8Array<ArrayBuffer> {
  const chainId = fromHex(`0x${said.chainId.toString(16).padStart(64, '0')}`)
  const [registry, operator, ekDigest] = [said.registry, said.operator, said.ekDigest].map(fromHex)
  const voteKey = fromHex(said.voteKey).subarray(1)
  const contact = fromHex(digestOf(utf8(said.contact)))
  const parts = [utf8('teapot/registration/1'), chainId, registry!, operator!, ekDigest!, voteKey, contact]
  return new Uint8Array(concatBytes(...parts))
}

/**
 * The call by which an operator registers its node, with proof that it has both keys.
 * @throws TeapotError `tpm/malformed`, and whatever `quote` throws
 */
export async function registerCall(said: Registration, { ak, vote, quote }: RegistrationKeys) {
  const encoded = encodeRegistration(said)
  const { attest, signature } = await quote(digestOf(encoded), QUOTED_PCRS)
  const [akX, akY] = words(ak.subarray(1))
  const [voteKeyX, voteKeyY] = words(fromHex(said.voteKey).subarray(1))
  const [akR, akS] = words(parseAkSignature(signature))
  const [voteR, voteS] = words(new Uint8Array(await crypto.subtle.sign(ES256, vote, encoded)))
  const { ekDigest, contact } = said
  return {
    contract: 'nodeRegistry' as const,
    functionName: 'register' as const,
    args: [
      { akX, akY, ekDigest, voteKeyX, voteKeyY, contact },
      { attest: toHex(attest), akR, akS, voteR, voteS },
    ] as const,
  }
}

function words(bytes: Uint8Array): [Hex, Hex] {
  return [toHex(bytes.subarray(0, 32)), toHex(bytes.subarray(32))]
}
