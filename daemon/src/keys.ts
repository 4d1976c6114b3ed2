import { generateKeyPairSync, type KeyObject, randomBytes, type webcrypto } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Digest, type Hex, type RunKeys, runDigest, TeapotError, toHex } from '@teapot-network/trust'

/** The operator's own keys, kept in the data folder: the account that pays, and the key that signs votes. */
export interface OperatorKeys {
  /** secp256k1, for transactions. */
  account: Hex
  vote: CryptoKey
  /** Uncompressed P-256 point, 65 bytes. */
  votePublic: Hex
}

/** Keys of one run (spec/evidence.md §5): made in memory, bound by the quote. Private halves never leave the process. */
export interface Run {
  id: Digest
  public: RunKeys
  receipt: KeyObject
  seal: webcrypto.CryptoKeyPair
  /** Ed25519 seed, 32 bytes. */
  peerSeed: Uint8Array
}

/** Loads the operator's keys (mode 0600); what the file does not hold yet is made and kept. */
export async function loadOperatorKeys(path: string): Promise<OperatorKeys> {
  const kept = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause
    return '{}'
  })
  try {
    const { account = toHex(randomBytes(32)), vote = newVoteKey() } = parseKept(kept)
    const text = JSON.stringify({ account, vote })
    if (text !== kept) await keep(path, text)
    const key = await crypto.subtle.importKey('jwk', vote, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
    return { account, vote: key, votePublic: toHex(pointOf(vote)) }
  } catch (cause) {
    const found = (cause as Error).message
    throw new TeapotError(
      'daemon/bad-operator-keys',
      `Cannot use ${path}: expected an account and a vote key, found ${found}`,
      { cause },
    )
  }
}

/** What JSON.parse says of a text that is none may hold some of it: here that is a key's. */
function parseKept(text: string): Partial<{ account: Hex; vote: webcrypto.JsonWebKey }> {
  try {
    return JSON.parse(text)
  } catch (error) {
    const [place] = /line \d+ column \d+/.exec((error as Error).message) ?? []
    throw new Error(place === undefined ? 'no JSON' : `no JSON at ${place}`)
  }
}

function newVoteKey(): webcrypto.JsonWebKey {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
}

async function keep(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(`${path}.new`, text, { mode: 0o600, flush: true })
  await rename(`${path}.new`, path)
}

/** Makes the keys of a run. */
export async function createRun(): Promise<Run> {
  const receipt = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const seal = (await crypto.subtle.generateKey('X25519', true, ['deriveBits'])) as webcrypto.CryptoKeyPair
  const peer = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const keys: RunKeys = {
    receipt: toHex(pointOf(receipt.export({ format: 'jwk' }))),
    seal: toHex(new Uint8Array(await crypto.subtle.exportKey('raw', seal.publicKey))),
    peer: toHex(Buffer.from(peer.x!, 'base64url')),
  }
  return { id: runDigest(keys), public: keys, receipt, seal, peerSeed: Buffer.from(peer.d!, 'base64url') }
}

function pointOf({ x, y }: webcrypto.JsonWebKey): Uint8Array {
  return Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')])
}
