import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HostError } from '../host-error.ts'
import { silent, trap } from '../testing/build-module.ts'
import { account, claimsOf, embed, joined as join, keyText, section, subject, tokenOf } from '../testing/sign-module.ts'
import { readClaims } from './embedded.ts'
import { encodeNkey, NkeyPrefix, parseNkey } from './nkey.ts'

const NOW = 1_600_000_000
/** Keys and claims as they stand in the echo actor of wasmCloud/wascc-host 0.14 (`examples/.assets/echo.wasm`). */
const GENUINE_ISSUER = 'AAGRUXXTGSP4C27RWPTMCHCJF56JD53EQPA2R7RPC5VI4E274KPRMMJ5'
const GENUINE_MODULE = 'MB4OLDIC3TCZ4Q4TGGOVAZC43VXFE2JQVRAXQMQFXUCREOOFEKOKZTY2'

function refusal(module: Uint8Array, now = NOW): string | undefined {
  try {
    readClaims(module, now)
    return undefined
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    expect(error.kind).toBe('refused')
    return error.code
  }
}

describe('claims in a module', () => {
  test('that are genuine are read, wherever in the module they stand', () => {
    const genuine = {
      issuer: account,
      subject,
      name: 'Echo',
      capabilities: ['wascc:keyvalue'],
      expiresAt: undefined,
      notBefore: undefined,
    }
    expect(readClaims(embed(claimsOf(trap), trap), NOW)).toEqual(genuine)
    expect(readClaims(embed(claimsOf(trap), trap, 'wasmcloud_jwt'), NOW)).toEqual(genuine)
    const first = join(trap.subarray(0, 8), section('jwt', tokenOf(claimsOf(trap))), trap.subarray(8))
    expect(readClaims(first, NOW)).toEqual(genuine)
  })

  test('that are not there restrict nothing', () => {
    for (const module of [trap, join(trap, section('name', 'jwt')), new Uint8Array(0), trap.subarray(0, 4)])
      expect(readClaims(module, NOW)).toBeUndefined()
  })

  test('that somebody else signed, or changed since, are forged', () => {
    const token = tokenOf(claimsOf(trap))
    const [header, , signature] = token.split('.') as [string, string, string]
    const wider = Buffer.from(JSON.stringify(claimsOf(trap, { wascap: { caps: ['wascc:blobstore'] } })))
    const stranger = keyText(generateKeyPairSync('ed25519').publicKey, NkeyPrefix.account)
    for (const forged of [
      `${header}.${wider.toString('base64url')}.${signature}`,
      tokenOf(claimsOf(trap, { iss: stranger })),
      `${token.slice(0, -4)}${token.endsWith('AAAA') ? 'gggg' : 'AAAA'}`,
      `${token.slice(0, -8)}`,
    ])
      expect(refusal(join(trap, section('jwt', forged)))).toBe('host/claims-forged')
  })

  test('that were made for other bytes are of another module', () => {
    expect(refusal(embed(claimsOf(silent), trap))).toBe('host/claims-of-another-module')
    const tampered = embed(claimsOf(trap), trap)
    tampered[4]! ^= 1
    expect(refusal(tampered)).toBe('host/claims-of-another-module')
  })

  test('end with the second that exp names, and begin with the one that nbf names', () => {
    const module = embed(claimsOf(trap, { exp: NOW + 10, nbf: NOW }), trap)
    expect(readClaims(module, NOW + 9)).toMatchObject({ expiresAt: NOW + 10, notBefore: NOW })
    expect(refusal(module, NOW + 10)).toBe('host/claims-expired')
    expect(refusal(module, NOW - 1)).toBe('host/claims-not-yet-valid')
    expect(refusal(embed(claimsOf(trap, { exp: 2 ** 53 - 1, nbf: null }), trap))).toBeUndefined()
  })

  test.each<[string, Uint8Array]>([
    ['two sections', join(embed(claimsOf(trap), trap), section('wasmcloud_jwt', tokenOf(claimsOf(trap))))],
    ['an empty section', join(trap, section('jwt', ''))],
    ['sections without end', join(trap, new Uint8Array(Buffer.alloc(3 * 65_537, Buffer.of(0, 1, 0))))],
    ['too much text', join(trap, section('jwt', 'a'.repeat(70_000)))],
    ['no signature', join(trap, section('jwt', tokenOf(claimsOf(trap)).split('.').slice(0, 2).join('.')))],
    ['padding', join(trap, section('jwt', `${tokenOf(claimsOf(trap))}==`))],
    ['alg none', join(trap, section('jwt', tokenOf(claimsOf(trap), { typ: 'jwt', alg: 'none' })))],
    ['no JSON', join(trap, section('jwt', 'e30.e.e30'))],
    ['an array for claims', embed([claimsOf(trap)], trap)],
    ['no wascap', embed({ ...claimsOf(trap), wascap: undefined }, trap)],
    ['a lower-case hash', embed(claimsOf(trap, { wascap: { hash: 'ab'.repeat(32) } }), trap)],
    ['caps that are no texts', embed(claimsOf(trap, { wascap: { caps: [1] } }), trap)],
    ['caps without end', embed(claimsOf(trap, { wascap: { caps: Array(257).fill('a') } }), trap)],
    ['an empty capability', embed(claimsOf(trap, { wascap: { caps: [''] } }), trap)],
    ['a module key for an issuer', embed(claimsOf(trap, { iss: subject }), trap)],
    ['an account key for a subject', embed(claimsOf(trap, { sub: account }), trap)],
    ['no subject', embed(claimsOf(trap, { sub: undefined }), trap)],
    ['an exp that is no number', embed(claimsOf(trap, { exp: '1' }), trap)],
    ['an nbf before 1970', embed(claimsOf(trap, { nbf: -1 }), trap)],
    ['a name that is no text', embed(claimsOf(trap, { wascap: { name: 7 } }), trap)],
  ])('with %s are malformed', (_, module) => {
    expect(refusal(module)).toBe('host/claims-malformed')
  })

  test('of arbitrary bytes throw nothing but refusals', () => {
    const body = fc.oneof(
      fc.string(),
      fc.json().map((json) => tokenOf(JSON.parse(json))),
    )
    fc.assert(fc.property(body, (text) => void refusal(join(trap, section('jwt', text)))))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void refusal(join(trap.subarray(0, 8), bytes))))
  })

  test('with one bit flipped anywhere in module or claims are never read, unless the claims are gone', () => {
    const module = embed(claimsOf(trap), trap)
    const genuine = readClaims(module, NOW)
    fc.assert(
      fc.property(fc.integer({ min: 64, max: module.length * 8 - 1 }), (bit) => {
        const bytes = module.slice()
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        let read: unknown
        try {
          read = readClaims(bytes, NOW)
        } catch (error) {
          if (!(error instanceof HostError)) throw error
        }
        // The last bits of a base64 text may say nothing.
        if (read !== undefined) expect(read).toEqual(genuine)
      }),
      { numRuns: 500 },
    )
  })
})

describe('a key as text', () => {
  test('is base32 with a prefix and a checksum', () => {
    expect(parseNkey(GENUINE_ISSUER, NkeyPrefix.account)).toHaveLength(32)
    expect(parseNkey(GENUINE_MODULE, NkeyPrefix.module)).toHaveLength(32)
    for (const wrong of [GENUINE_MODULE, GENUINE_ISSUER.slice(1), GENUINE_ISSUER.toLowerCase(), `${GENUINE_ISSUER}A`])
      expect(parseNkey(wrong, NkeyPrefix.account)).toBeUndefined()
  })

  test('with one letter changed is none', () => {
    for (let i = 0; i < GENUINE_ISSUER.length; i++) {
      const letter = GENUINE_ISSUER[i] === 'Q' ? 'R' : 'Q'
      const wrong = GENUINE_ISSUER.slice(0, i) + letter + GENUINE_ISSUER.slice(i + 1)
      expect(parseNkey(wrong, NkeyPrefix.account), wrong).toBeUndefined()
    }
  })

  test('comes back as the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
        expect(parseNkey(encodeNkey(key, NkeyPrefix.module), NkeyPrefix.module)).toEqual(key)
      }),
    )
  })
})
