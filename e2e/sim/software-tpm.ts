import {
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  generateKeyPairSync,
  randomBytes,
  sign,
} from 'node:crypto'
import {
  akPublic,
  concatBytes,
  type Digest,
  digestOf,
  type Entry,
  encodeEntry,
  entryDigest,
  equalBytes,
  extendPcr,
  fromHex,
  type NodeId,
  nodeIdOf,
  PCR_C,
  PCR_R,
  tpmName,
  utf8,
} from '@teapot-network/trust'
import { encodeLogRecord } from '@teapot-network/trust/encode'
import type { parseActivation } from '../../daemon/src/attest/enrolment.ts'
import type { Quoter } from '../../daemon/src/attest/evidence-source.ts'
import { EK_EXTENSIONS, type KeyPair, makeCertificate, makeKey } from '../../trust/vectors/certificates.ts'

/** A TPM and its event log in memory: attests, signs and activates as TPM 2.0 says, for whoever holds it. */
export interface SoftwareTpm extends Quoter {
  readonly node: NodeId
  readonly ak: Uint8Array
  ek: Uint8Array[]
  /** Another boot: PCRs and log begin anew. */
  reset(): void
  /** Extends, and logs it unless told to cheat. */
  measure(pcr: typeof PCR_R | typeof PCR_C, entry: Entry, options?: { unlogged?: boolean }): void
  log(): Uint8Array
  /** @throws Error unless the secret was made for this AK and this TPM's EK */
  activate(credential: ReturnType<typeof parseActivation>): Uint8Array
}

/** A maker of TPMs, who certifies their EKs. */
export interface TpmMaker {
  root: Uint8Array
  createTpm(): Promise<SoftwareTpm>
}

const ZERO = `0x${'00'.repeat(32)}` as Digest
const none = new Uint8Array()
const u = (size: 1 | 2 | 4 | 8, value: number) => fromHex(`0x${value.toString(16).padStart(size * 2, '0')}`)
const sized = (bytes: Uint8Array) => concatBytes(u(2, bytes.length), bytes)

export async function createTpmMaker(name: string): Promise<TpmMaker> {
  const signer = await makeKey('P-256')
  const root = await makeCertificate({ subject: name, issuer: name, key: signer, signer, ca: true })
  return { root, createTpm: async () => createTpm(await issue(name, signer)) }
}

async function issue(issuer: string, signer: KeyPair): Promise<{ certificate: Uint8Array; privateKey: Uint8Array }> {
  const key = await makeKey('P-256')
  const certificate = await makeCertificate({ subject: 'EK', issuer, key, signer, extensions: EK_EXTENSIONS })
  const { d } = await crypto.subtle.exportKey('jwk', key.privateKey)
  return { certificate, privateKey: Buffer.from(d!, 'base64url') }
}

function createTpm(ek: { certificate: Uint8Array; privateKey: Uint8Array }): SoftwareTpm {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const ak = akPublic(Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url'))
  let resets = 1 + (randomBytes(1)[0]! & 7)
  let pcrs = { [PCR_R]: ZERO, [PCR_C]: ZERO }
  let records: Uint8Array[] = []
  return {
    node: nodeIdOf(ak),
    ak,
    ek: [ek.certificate],
    reset() {
      resets++
      pcrs = { [PCR_R]: ZERO, [PCR_C]: ZERO }
      records = []
    },
    measure(pcr, entry, { unlogged = false } = {}) {
      pcrs = { ...pcrs, [pcr]: extendPcr(pcrs[pcr], entryDigest(entry)) }
      if (!unlogged) records.push(encodeLogRecord(records.length, pcr, encodeEntry(entry)))
    },
    log: () => concatBytes(...records),
    async quote(qualifyingData) {
      const over = fromHex(digestOf(concatBytes(fromHex(pcrs[PCR_R]), fromHex(pcrs[PCR_C]))))
      // TPMS_ATTEST (TPM 2.0 Part 2 §10.12.12) over PCRs 12 and 13 of the SHA-256 bank, and TPMT_SIGNATURE (§11.3.4).
      const head = concatBytes(fromHex('0xff5443478018'), sized(tpmName(ak)), sized(fromHex(qualifyingData)))
      const clock = concatBytes(u(8, 1), u(4, resets), u(4, 0), u(1, 1), u(8, 1))
      const attest = concatBytes(head, clock, fromHex('0x00000001000b03003000'), sized(over))
      const rs = sign('sha256', attest, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      const signature = concatBytes(fromHex('0x0018000b'), sized(rs.subarray(0, 32)), sized(rs.subarray(32)))
      return { attest, signature, pcrs: { ...pcrs } }
    },
    activate({ credentialBlob, encryptedSecret }) {
      const seed = sharedSeed(ek.privateKey, encryptedSecret)
      const [mac, identity] = [credentialBlob.subarray(2, 34), credentialBlob.subarray(34)]
      if (!equalBytes(kdfa(seed, 'INTEGRITY', none, 256, identity, tpmName(ak)), mac))
        throw new Error('TPM_RC_INTEGRITY')
      const key = kdfa(seed, 'STORAGE', tpmName(ak), 128)
      return createDecipheriv('aes-128-cfb', key, Buffer.alloc(16)).update(identity).subarray(2)
    },
  }
}

/** KDFe over an ephemeral point (TPM 2.0 Part 1 §C.6). */
function sharedSeed(privateKey: Uint8Array, point: Uint8Array): Uint8Array {
  const own = createECDH('prime256v1')
  own.setPrivateKey(privateKey)
  const [x, y] = [point.subarray(2, 34), point.subarray(36)]
  const shared = own.computeSecret(concatBytes(Uint8Array.of(4), x, y))
  const over = concatBytes(u(4, 1), shared, utf8('IDENTITY\0'), x, own.getPublicKey().subarray(1, 33))
  return createHash('sha256').update(over).digest()
}

/** KDFa, one block (Part 1 §11.4.10.2); with `data`, the HMAC by the key so derived. */
function kdfa(seed: Uint8Array, label: string, context: Uint8Array, bits: number, ...data: Uint8Array[]): Uint8Array {
  const over = concatBytes(u(4, 1), utf8(`${label}\0`), context, u(4, bits))
  const key = createHmac('sha256', seed)
    .update(over)
    .digest()
    .subarray(0, bits / 8)
  return data.length === 0
    ? key
    : createHmac('sha256', key)
        .update(concatBytes(...data))
        .digest()
}
