import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { encodeNkey, NkeyPrefix } from '../claims/nkey.ts'

/** Signs modules as wascap does, with keys of this process. */
export type Claims = Record<string, unknown> & { wascap?: unknown }

const issuer = generateKeyPairSync('ed25519')

/** A public key as nkey. */
export const keyText = (key: KeyObject, prefix: number): string =>
  encodeNkey(Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url'), prefix)

export const account = keyText(issuer.publicKey, NkeyPrefix.account)
export const subject = keyText(generateKeyPairSync('ed25519').publicKey, NkeyPrefix.module)

/** Genuine claims of a module, with some replaced. */
export const claimsOf = (module: Uint8Array, more: Claims = {}): Claims => ({
  jti: 'x',
  iat: 1_600_000_000,
  iss: account,
  sub: subject,
  ...more,
  wascap: {
    name: 'Echo',
    hash: createHash('sha256').update(module).digest('hex').toUpperCase(),
    tags: [],
    caps: ['wascc:keyvalue'],
    prov: false,
    ...(more.wascap as object),
  },
})

/** A signed token of any claims. */
export function tokenOf(claims: unknown, header: unknown = { typ: 'jwt', alg: 'Ed25519' }): string {
  const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${signed}.${sign(null, Buffer.from(signed), issuer.privateKey).toString('base64url')}`
}

/** A custom section. */
export function section(name: string, body: string): Uint8Array {
  const content = [name.length, ...Buffer.from(name + body)]
  return Uint8Array.of(0, (content.length & 127) | 128, (content.length >> 7) | 128, content.length >> 14, ...content)
}

export const joined = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** The module with signed claims behind it. */
export const embed = (claims: unknown, module: Uint8Array, name = 'jwt'): Uint8Array =>
  joined(module, section(name, tokenOf(claims)))
