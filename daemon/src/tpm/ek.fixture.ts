import { execFile } from 'node:child_process'
import { createPublicKey, type webcrypto } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createPrimary, flushContext, HIERARCHY } from './commands/keys.ts'
import type { TpmConnection } from './connection.ts'
import type { Swtpm } from './swtpm.fixture.ts'
import { EK_PROFILES, type EkKind } from './templates.ts'

/** swtpm's maker certifies a P-384 and an RSA EK alone; its CA signs the others here, as a maker would. DER. */
export async function certifyEk(swtpm: Swtpm, tpm: TpmConnection, kind: EkKind): Promise<Uint8Array> {
  const { template, key } = EK_PROFILES[kind]
  const ek = await createPrimary(tpm, HIERARCHY.endorsement, template)
  await flushContext(tpm, ek.handle)
  const part = (from: number, to?: number): string => Buffer.from(ek.public.slice(from, to)).toString('base64url')
  const jwk =
    key === 'p256'
      ? { kty: 'EC', crv: 'P-256', x: part(-66, -34), y: part(-32) }
      : { kty: 'RSA', e: 'AQAB', n: part(-256) }
  return certifyKey(swtpm, jwk)
}

/** Has swtpm's maker certify any key as an EK. DER. */
export async function certifyKey(swtpm: Swtpm, jwk: webcrypto.JsonWebKey): Promise<Uint8Array> {
  const path = (name: string): string => join(swtpm.folder, name)
  await writeFile(path('ek.pem'), createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }))
  const usage = jwk.kty === 'EC' ? 'keyAgreement' : 'keyEncipherment'
  const usages = ['extendedKeyUsage=2.23.133.8.1', `keyUsage=critical,${usage}`]
  const extensions = ['basicConstraints=critical,CA:FALSE', 'subjectAltName=critical,DNS:maker', ...usages]
  await writeFile(path('ek.ext'), extensions.join('\n'))
  await promisify(execFile)('openssl', [
    ...['x509', '-new', '-subj', '/CN=ek', '-force_pubkey', path('ek.pem'), '-days', '1', '-extfile', path('ek.ext')],
    ...['-CA', path('ca/issuercert.pem'), '-CAkey', path('ca/signkey.pem'), '-outform', 'DER', '-out', path('ek.der')],
  ])
  return new Uint8Array(await readFile(path('ek.der')))
}
