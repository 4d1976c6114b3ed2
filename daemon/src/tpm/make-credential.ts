import {
  constants,
  createCipheriv,
  createECDH,
  createHash,
  createHmac,
  type KeyObject,
  publicEncrypt,
  randomBytes,
} from 'node:crypto'
import { concatBytes, digestOf, type Hex, type NodeId, sha256, TeapotError, utf8 } from '@teapot-network/trust'
import { ekKeyOf, ekPublicKey } from './certificate.ts'
import type { SealedCredential } from './commands/keys.ts'
import { EK_PROFILES, type EkProfile } from './templates.ts'
import { sized, u16, u32 } from './wire.ts'

/**
 * TPM2_MakeCredential in software (TPM 2.0 Part 1 §24): seals `credential` to the EK of a certificate and to an AK's Name.
 * @param node the node id that the AK must belong to
 * @param ak TPMT_PUBLIC
 * @param credential at most 32 bytes
 * @throws TeapotError `tpm/ak-of-another-node` · `tpm/no-ek-certificate` for a certificate that is none or of a key we do not know
 */
export function makeCredential(
  ekCertificate: Uint8Array,
  node: NodeId,
  ak: Uint8Array,
  credential: Uint8Array,
): SealedCredential {
  const akName = nameOf(ak)
  const found: Hex = digestOf(akName)
  if (found !== node) {
    throw new TeapotError(
      'tpm/ak-of-another-node',
      `Cannot make a credential: expected an AK of node ${node}, found that of ${found}`,
    )
  }
  const profile = EK_PROFILES[ekKeyOf(ekCertificate)]
  const { seed, encryptedSecret } = shareSeed(ekPublicKey(ekCertificate), profile)
  const none = new Uint8Array()
  const storageKey = kdfa(profile.hash, seed, 'STORAGE', akName, none, profile.aesBits)
  const cipher = createCipheriv(`aes-${profile.aesBits}-cfb`, storageKey, new Uint8Array(16))
  const identity = concatBytes(cipher.update(sized(credential)), cipher.final())
  const macKey = kdfa(profile.hash, seed, 'INTEGRITY', none, none, hashBits(profile))
  const mac = createHmac(profile.hash, macKey).update(identity).update(akName).digest()
  return { credentialBlob: concatBytes(sized(mac), identity), encryptedSecret }
}

/** The Name of a key whose nameAlg is SHA-256, as our AKs have (Part 1 §16). */
export function nameOf(publicArea: Uint8Array): Uint8Array {
  return concatBytes(u16(0x000b), sha256(publicArea))
}

/** A seed that only the EK's TPM can recover (Part 1 §B.10 for RSA, §C.6 for ECC). */
function shareSeed(ek: KeyObject, profile: EkProfile): { seed: Uint8Array; encryptedSecret: Uint8Array } {
  if (ek.asymmetricKeyType === 'rsa') {
    const seed = randomBytes(hashBits(profile) / 8)
    const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: profile.hash, oaepLabel: utf8('IDENTITY\0') }
    return { seed, encryptedSecret: publicEncrypt({ key: ek, ...oaep }, seed) }
  }
  const { crv, x, y } = ek.export({ format: 'jwk' })
  const [ekX, ekY] = [Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]
  const ephemeral = createECDH(crv === 'P-384' ? 'secp384r1' : 'prime256v1')
  const point = ephemeral.generateKeys()
  const ownX = point.subarray(1, 1 + ekX.length)
  const ownY = point.subarray(1 + ekX.length)
  const shared = ephemeral.computeSecret(concatBytes(Uint8Array.of(4), ekX, ekY))
  return {
    seed: kdfe(profile.hash, shared, 'IDENTITY', ownX, ekX, hashBits(profile)),
    encryptedSecret: concatBytes(sized(ownX), sized(ownY)),
  }
}

function hashBits(profile: EkProfile): number {
  return profile.hash === 'sha384' ? 384 : 256
}

/** KDFa (Part 1 §11.4.10.2); every use of it here fits one or two blocks. */
function kdfa(hash: string, key: Uint8Array, label: string, u: Uint8Array, v: Uint8Array, bits: number): Uint8Array {
  return blocks(bits, (counter) =>
    createHmac(hash, key)
      .update(concatBytes(u32(counter), utf8(`${label}\0`), u, v, u32(bits)))
      .digest(),
  )
}

/** KDFe (Part 1 §11.4.10.3). */
function kdfe(hash: string, z: Uint8Array, label: string, u: Uint8Array, v: Uint8Array, bits: number): Uint8Array {
  return blocks(bits, (counter) =>
    createHash(hash)
      .update(concatBytes(u32(counter), z, utf8(`${label}\0`), u, v))
      .digest(),
  )
}

function blocks(bits: number, block: (counter: number) => Uint8Array): Uint8Array {
  const parts: Uint8Array[] = []
  for (let length = 0; length * 8 < bits; length += parts.at(-1)!.length) parts.push(block(parts.length + 1))
  return concatBytes(...parts).slice(0, bits / 8)
}
