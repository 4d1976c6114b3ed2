import * as dagPb from '@ipld/dag-pb'
import { type Digest, fromHex, sha256, TeapotError } from '@teapot-network/trust'
import { base32 } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as createMultihash } from 'multiformats/hashes/digest'

/** Multicodec code of SHA-256, the one hash that content knows. */
export const SHA2_256 = 0x12
/** No block is larger (the limit of bitswap and of trustless gateways): 2 MiB. */
export const MAX_BLOCK_BYTES = 2 ** 21
/** Bytes up to this size travel as one raw block, so that the digest in their CID is their SHA-256: 1 MiB. */
export const MAX_SINGLE_BLOCK_BYTES = 2 ** 20

/**
 * Reads a CID (v0 or v1) and checks that it is one we can verify: SHA-256 over a raw or dag-pb block (spec/content.md §1).
 * @throws TeapotError `content/bad-cid`
 */
export function parseCid(text: string): CID {
  let cid: CID
  try {
    cid = CID.parse(text)
  } catch (cause) {
    throw new TeapotError('content/bad-cid', `Cannot read CID: expected e.g. bafk…, found ${quote(text)}`, { cause })
  }
  return checkCid(cid)
}

/**
 * The checks of {@link parseCid} on a CID that came out of a link.
 * @throws TeapotError `content/bad-cid`
 */
export function checkCid(cid: CID): CID {
  const { code, digest } = cid.multihash
  if (code !== SHA2_256 || digest.length !== 32) {
    throw new TeapotError(
      'content/bad-cid',
      `Cannot verify ${cid}: expected SHA-256 (0x12), found hash 0x${code.toString(16)}`,
    )
  }
  if (cid.code !== raw.code && cid.code !== dagPb.code) {
    throw new TeapotError(
      'content/bad-cid',
      `Cannot read ${cid}: expected raw or dag-pb, found codec 0x${cid.code.toString(16)}`,
    )
  }
  return cid
}

/** The CID of bytes kept as one raw block: CIDv1, raw, SHA-256. */
export function cidOfRaw(bytes: Uint8Array): CID {
  return CID.createV1(raw.code, createMultihash(SHA2_256, sha256(bytes)))
}

/** The CID, as text, of the raw block that has this SHA-256: how what is cited by its digest is fetched. */
export function cidOfDigest(digest: Digest): string {
  return CID.createV1(raw.code, createMultihash(SHA2_256, fromHex(digest))).toString()
}

/** Whether bytes hash to the digest in their CID. */
export function matchesCid(cid: CID, bytes: Uint8Array): boolean {
  return cid.multihash.code === SHA2_256 && Buffer.compare(sha256(bytes), cid.multihash.digest) === 0
}

/** The name of a block on disk: base32 of its multihash, the same for every CID over the same bytes. */
export function blockKey(cid: CID): string {
  return base32.encode(cid.multihash.bytes)
}

/** Whether a file name is one that {@link blockKey} gives. */
export function isBlockKey(name: string): boolean {
  return /^bciq[a-p][a-z2-7]{50}[aeimquy4]$/.test(name)
}

/** A raw CID for a name for which {@link isBlockKey} holds. */
export function cidOfKey(key: string): CID {
  return CID.createV1(raw.code, createMultihash(SHA2_256, base32.decode(key).subarray(2)))
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
