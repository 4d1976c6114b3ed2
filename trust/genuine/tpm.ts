import { checkChain } from '../src/certificate-chain.ts'
import { parseAkSignature, parseAttest, parseCertificate, TeapotError, verifyEs256 } from '../src/index.ts'
import { type Part, whole } from './parts.ts'
import { readGenuine, readGenuinePem } from './samples.ts'

const OWN = 'tpm/own-swtpm'

/** A quote of a TPM whose AK is none that we take, with the AK's point. */
export function readOwnQuote() {
  const publicArea = readGenuine(`${OWN}/ak.tpm2b`).subarray(2)
  const point = Uint8Array.of(4, ...publicArea.subarray(-66, -34), ...publicArea.subarray(-32))
  return { point, attest: readGenuine(`${OWN}/quote.msg`), signature: readGenuine(`${OWN}/quote.sig`) }
}

/** Every byte of a quote, and of the chains of certificates that stand. */
export function tpmParts(): Part[] {
  const { point, ...quote } = readOwnQuote()
  const quoted = (['attest', 'signature'] as const).map((part): Part => {
    const idOf = async (altered: Uint8Array) => {
      const { attest, signature }: typeof quote = { ...quote, [part]: altered }
      parseAttest(attest)
      return (await verifyEs256(point, attest, parseAkSignature(signature))) ? undefined : 'signature'
    }
    return {
      sample: OWN,
      part,
      ...whole(/^(malformed|signature)$/, quote[part]),
      idOf: (one) => orMalformed(idOf(one)),
    }
  })
  const chains = Object.entries(chainsOf()).flatMap(([sample, [root, ...chain]]) =>
    chain.map((bytes, i): Part => {
      const idOf = async (altered: Uint8Array) => {
        const held = await checkChain(chain.with(i, altered).map(parseCertificate), [parseCertificate(root)])
        return 'found' in held ? 'chain' : undefined
      }
      const part = i === 0 ? 'certificate' : `issuer ${i}`
      return {
        sample,
        part,
        ...whole(/^(malformed|chain)$/, bytes, undefined, i > 0 ? 'issuer' : undefined),
        idOf: (one) => orMalformed(idOf(one)),
      }
    }),
  )
  return [...quoted, ...chains]
}

/** Root, then the leaf, then its issuers. */
function chainsOf(): Record<string, [Uint8Array, ...Uint8Array[]]> {
  const gcp = (name: string) => readGenuine(`tee/gcp-vtpm/${name}`)
  const [root, issuer] = [gcp('gcp_ek_ak_ca_root.crt'), gcp('gcp_ek_ak_ca_intermediate_v3.crt')]
  const own = (name: string) => readGenuinePem(`${OWN}/${name}.pem`)
  const [ownRoot, ownIssuer] = [own('swtpm-localca-rootca-cert'), own('issuercert')]
  const ak = protobuf(readGenuine('tpm/gtt-gce-cos-85-nonce9009.pb')).get(6)![0]!
  return {
    [`${OWN}, RSA`]: [ownRoot, readGenuine(`${OWN}/nv-1c00002.der`), ownIssuer],
    [`${OWN}, P-384`]: [ownRoot, readGenuine(`${OWN}/nv-1c00016.der`), ownIssuer],
    'tpm/gtt-gce-cos-85': [gcp('tpm_ek_root_1.cer'), ak, gcp('tpm_ek_intermediate_2.crt')],
    'tpm/gtt-pca_tpm_ecc_sign': [root, readGenuinePem('tpm/gtt-pca_tpm_ecc_sign_cert.pem'), issuer],
    'tpm/gtt-pca_tpm_ecc_enc': [root, readGenuinePem('tpm/gtt-pca_tpm_ecc_enc_cert.pem'), issuer],
  }
}

async function orMalformed(judged: Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await judged
  } catch (error) {
    if (error instanceof TeapotError) return 'malformed'
    throw error
  }
}

/** The length-delimited fields of a protobuf message, by number. */
export function protobuf(bytes: Uint8Array): Map<number, Uint8Array[]> {
  const fields = new Map<number, Uint8Array[]>()
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const key = varint()
    const length = varint()
    if ((key & 7) !== 2) continue
    const number = key >> 3
    fields.set(number, [...(fields.get(number) ?? []), bytes.subarray(at, at + length)])
    at += length
  }
  return fields
}
