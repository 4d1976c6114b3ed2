import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
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
} from '@teapot-network/trust'
import { encodeLogRecord } from '@teapot-network/trust/encode'
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
  /** Whether it holds the key of this EK certificate: what credential activation finds out. */
  holds(certificate: Uint8Array): boolean
}

/** A maker of TPMs, who certifies their EKs. */
export interface TpmMaker {
  root: Uint8Array
  createTpm(): Promise<SoftwareTpm>
}

const ZERO = `0x${'00'.repeat(32)}` as Digest
const u = (size: 1 | 2 | 4 | 8, value: number) => fromHex(`0x${value.toString(16).padStart(size * 2, '0')}`)
const sized = (bytes: Uint8Array) => concatBytes(u(2, bytes.length), bytes)

export async function createTpmMaker(name: string): Promise<TpmMaker> {
  const signer = await makeKey('P-256')
  const root = await makeCertificate({ subject: name, issuer: name, key: signer, signer, ca: true })
  return { root, createTpm: async () => createTpm(await issue(name, signer)) }
}

async function issue(issuer: string, signer: KeyPair): Promise<Uint8Array> {
  return makeCertificate({ subject: 'EK', issuer, key: await makeKey('P-256'), signer, extensions: EK_EXTENSIONS })
}

function createTpm(ek: Uint8Array): SoftwareTpm {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const ak = akPublic(Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url'))
  let resets = 1 + (randomBytes(1)[0]! & 7)
  let pcrs = { [PCR_R]: ZERO, [PCR_C]: ZERO }
  let records: Uint8Array[] = []
  let clock = 0
  return {
    node: nodeIdOf(ak),
    ak,
    ek: [ek],
    holds: (certificate) => equalBytes(certificate, ek),
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
    async quote(qualifyingData, selected: readonly number[] = [PCR_R, PCR_C]) {
      const held: Record<number, Digest> = pcrs
      const values = Object.fromEntries(selected.map((pcr) => [pcr, held[pcr] ?? ZERO]))
      const over = fromHex(digestOf(concatBytes(...Object.values(values).map(fromHex))))
      const bits = Uint8Array.from([0, 8, 16], (from) => selected.reduce((sum, pcr) => sum | ((1 << pcr) >> from), 0))
      // TPMS_ATTEST (TPM 2.0 Part 2 §10.12.12) over PCRs of the SHA-256 bank, and TPMT_SIGNATURE (§11.3.4).
      const head = concatBytes(fromHex('0xff5443478018'), sized(tpmName(ak)), sized(fromHex(qualifyingData)))
      const time = concatBytes(u(8, ++clock), u(4, resets), u(4, 0), u(1, 1), u(8, 1))
      const attest = concatBytes(head, time, fromHex('0x00000001000b03'), bits, sized(over))
      const rs = sign('sha256', attest, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      const signature = concatBytes(fromHex('0x0018000b'), sized(rs.subarray(0, 32)), sized(rs.subarray(32)))
      return { attest, signature, pcrs: values }
    },
  }
}
