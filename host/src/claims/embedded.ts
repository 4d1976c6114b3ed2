import { createHash, createPublicKey, verify } from 'node:crypto'
import { HostError } from '../host-error.ts'
import { WasmReader } from '../wasm/wasm-reader.ts'
import { NkeyPrefix, parseNkey } from './nkey.ts'

/** What a module says of itself, signed by its issuer (spec/host.md §7.2). Claims narrow an actor's grants and give nothing. */
export interface EmbeddedClaims {
  /** The issuer's account key, `A…`. */
  readonly issuer: string
  /** The module's own key, `M…`: what other actors' claims call it by. */
  readonly subject: string
  readonly name: string | undefined
  /** Capability ids, and public keys of actors that it calls. */
  readonly capabilities: readonly string[]
  /** Whole seconds since 1970. */
  readonly expiresAt: number | undefined
  readonly notBefore: number | undefined
}

const SECTIONS = ['jwt', 'wasmcloud_jwt']
const CUSTOM = 0
const HEADER_BYTES = 8
/** More than any toolchain makes: this runs in the node itself, whatever was published. */
const MAX_SECTIONS = 1 << 16
const MAX_CLAIMS_BYTES = 64 << 10
const MAX_CAPABILITIES = 256
const MAX_CAPABILITY_CHARACTERS = 256
const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads and checks the wascap claims in a module's custom section `jwt` or `wasmcloud_jwt`: a JWT (RFC 7519) signed with
 * Ed25519 (RFC 8037) by the account that issued it, over the SHA-256 of the module without that section.
 * @param now seconds since 1970
 * @returns undefined for a module without claims, and for bytes that are no module: others refuse those
 * @throws HostError `host/claims-malformed`, `host/claims-forged`, `host/claims-of-another-module`, `host/claims-expired`,
 * `host/claims-not-yet-valid`
 */
export function readClaims(module: Uint8Array, now: number): EmbeddedClaims | undefined {
  const [section, ...others] = findSections(module)
  if (section === undefined) return undefined
  if (others.length > 0) throw malformed('one section of claims', `${others.length + 1}`)
  if (section.token.length > MAX_CLAIMS_BYTES)
    throw malformed(`at most ${MAX_CLAIMS_BYTES} bytes`, `${section.token.length}`)
  const { header, body, signature, signed } = splitToken(section.token)
  if (header['typ'] !== 'jwt' || header['alg'] !== 'Ed25519')
    throw malformed('a jwt of alg Ed25519', JSON.stringify(header).slice(0, 64))
  const { hash, ...claims } = parseBody(body)
  if (!isSigned(claims.issuer, signed, signature))
    throw new HostError(
      'host/claims-forged',
      `Expected claims signed by ${claims.issuer}, found another signature; sign the module anew`,
    )
  const found = createHash('sha256')
    .update(module.subarray(0, section.start))
    .update(module.subarray(section.end))
    .digest('hex')
    .toUpperCase()
  if (found !== hash)
    throw new HostError(
      'host/claims-of-another-module',
      `Expected claims of a module with SHA-256 ${found}, found claims of ${hash}; sign this module itself`,
    )
  checkTime(claims, now)
  return claims
}

interface Section {
  /** Of the whole section, id included. */
  readonly start: number
  readonly end: number
  readonly token: Uint8Array
}

/** Every section of claims: the layout of sections is the same in modules (core §5.5.2) and components. */
function findSections(module: Uint8Array): Section[] {
  const found: Section[] = []
  const reader = new WasmReader(module, Math.min(HEADER_BYTES, module.length))
  let sections = 0
  try {
    while (!reader.done && sections++ <= MAX_SECTIONS) {
      const start = reader.at
      const id = reader.byte()
      const body = reader.slice(reader.u32())
      if (id !== CUSTOM) continue
      const name = body.slice(body.u32())
      if (SECTIONS.includes(Buffer.from(module.subarray(name.at, name.end)).toString('latin1')))
        found.push({ start, end: reader.at, token: module.subarray(body.at, body.end) })
    }
  } catch {
    // No module; the sandbox says what is wrong with it.
  }
  if (sections > MAX_SECTIONS) throw malformed(`at most ${MAX_SECTIONS} sections`, 'more')
  return found
}

interface Token {
  readonly header: Record<string, unknown>
  readonly body: Record<string, unknown>
  readonly signature: Buffer
  /** What the signature covers: header and body as they stand in the token (RFC 7515 §5.2). */
  readonly signed: Buffer
}

function splitToken(token: Uint8Array): Token {
  const text = Buffer.from(token).toString('latin1')
  const parts = text.split('.')
  if (parts.length !== 3 || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part)))
    throw malformed('three parts of base64url', `${parts.length} parts`)
  const [header, body, signature] = parts.map((part) => Buffer.from(part, 'base64url')) as [Buffer, Buffer, Buffer]
  return {
    header: parseObject(header),
    body: parseObject(body),
    signature,
    signed: Buffer.from(text.slice(0, text.lastIndexOf('.'))),
  }
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(strictText.decode(bytes))
  } catch (cause) {
    throw malformed('JSON', (cause as Error).message.slice(0, 64), cause)
  }
  return asObject(value, 'the claims')
}

function parseBody(body: Record<string, unknown>): EmbeddedClaims & { readonly hash: string } {
  const wascap = asObject(body['wascap'], 'wascap')
  const { hash } = wascap
  if (typeof hash !== 'string' || !/^[0-9A-F]{64}$/.test(hash))
    throw malformed('a SHA-256 as wascap.hash', kindOf(hash))
  const name = wascap['name'] ?? undefined
  if (name !== undefined && typeof name !== 'string') throw malformed('a text as wascap.name', kindOf(name))
  return {
    issuer: publicKey(body['iss'], 'iss', NkeyPrefix.account),
    subject: publicKey(body['sub'], 'sub', NkeyPrefix.module),
    name,
    capabilities: capabilities(wascap['caps'] ?? []),
    expiresAt: seconds(body['exp'] ?? undefined, 'exp'),
    notBefore: seconds(body['nbf'] ?? undefined, 'nbf'),
    hash,
  }
}

function publicKey(value: unknown, name: string, prefix: number): string {
  if (typeof value === 'string' && parseNkey(value, prefix) !== undefined) return value
  throw malformed(`a public ${prefix === NkeyPrefix.account ? 'account' : 'module'} key as ${name}`, kindOf(value))
}

function capabilities(value: unknown): string[] {
  const fits = (id: unknown) => typeof id === 'string' && id !== '' && id.length <= MAX_CAPABILITY_CHARACTERS
  if (Array.isArray(value) && value.length <= MAX_CAPABILITIES && value.every(fits)) return value
  throw malformed(`at most ${MAX_CAPABILITIES} capabilities as wascap.caps`, kindOf(value))
}

function seconds(value: unknown, name: string): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0)) return value as number | undefined
  throw malformed(`whole seconds as ${name}`, kindOf(value))
}

function isSigned(issuer: string, signed: Buffer, signature: Buffer): boolean {
  const x = Buffer.from(parseNkey(issuer, NkeyPrefix.account)!).toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return verify(null, signed, key, signature)
}

function checkTime({ expiresAt, notBefore }: EmbeddedClaims, now: number): void {
  const date = (at: number) => (at < 8.64e12 ? new Date(at * 1000).toISOString() : `second ${at}`)
  if (expiresAt !== undefined && now >= expiresAt)
    throw new HostError(
      'host/claims-expired',
      `Expected claims valid at ${date(now)}, found them expired at ${date(expiresAt)}; sign the module anew`,
    )
  if (notBefore !== undefined && now < notBefore)
    throw new HostError(
      'host/claims-not-yet-valid',
      `Expected claims valid at ${date(now)}, found them valid from ${date(notBefore)}; wait until then`,
    )
}

function asObject(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw malformed(`an object as ${name}`, kindOf(value))
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'none'
  return Array.isArray(value) ? `an array of ${value.length}` : `a ${typeof value}`
}

function malformed(expected: string, found: string, cause?: unknown): HostError {
  return new HostError(
    'host/claims-malformed',
    `Cannot read the module's claims: expected ${expected}, found ${found}; sign the module anew, or take its claims out`,
    { cause },
  )
}
