import { DER, type DerReader, type DerValue, derOid, readDer } from '../der.ts'
import { type Certificate, parseCertificate } from '../x509.ts'
import { littleEndian, refuseTdx } from './quote.ts'

/** What Intel certified of a platform (PCK Certificate and CRL Profile §1.3, extension 1.2.840.113741.1.13.1). */
export interface Platform {
  /** Family, model, stepping, platform type: 6 bytes. */
  fmspc: Uint8Array
  /** 2 bytes */
  pceId: Uint8Array
  /** The security versions of the 16 SGX components. */
  components: number[]
  pceSvn: number
}

const SGX = '1.2.840.113741.1.13.1'
const [TCB, PCE_ID, FMSPC] = [`${SGX}.2`, `${SGX}.3`, `${SGX}.4`] as const
const PCE_SVN = 17
const COMMON_NAME = '2.5.4.3'
const [UTF8_STRING, PRINTABLE_STRING] = [0x0c, 0x13]
const PEM = /-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]+)\n-----END CERTIFICATE-----\n?/y

/** Reads certificates in PEM, one after the other; a NUL may end them. @throws TeapotError `tdx/malformed`, `x509/malformed` */
export function parsePemChain(text: string): Certificate[] {
  const chain: Certificate[] = []
  for (let at = 0; at < text.length && text.slice(at) !== '\0'; at = PEM.lastIndex) {
    PEM.lastIndex = at
    const body = PEM.exec(text)?.[1]
    if (!body) return refuseTdx('certificates', 'PEM', `'${text.slice(at, at + 40)}'`)
    chain.push(parseCertificate(base64(body.replaceAll('\n', ''))))
  }
  return chain
}

/** What a PCK certificate says of its platform. @throws TeapotError `tdx/malformed`, `x509/malformed` */
export function parsePlatform({ extensions }: Certificate): Platform {
  const value = extensions.get(SGX) ?? refuseTdx('PCK certificate', `extension ${SGX}`, 'none')
  const fields = readPairs(readDer(value).expect(DER.sequence))
  const tcb = readPairs(need(fields, TCB).expect(DER.sequence))
  const octets = (oid: string, length: number) => {
    const { content } = need(fields, oid).expect(DER.octetString)
    return content.length === length ? content : refuseTdx('PCK certificate', `${length} bytes`, `${content.length}`)
  }
  const svn = (n: number) => {
    const { content } = need(tcb, `${TCB}.${n}`).expect(DER.integer)
    const isSmall = content.length > 0 && content.length < 4 && content[0]! < 0x80
    return isSmall ? littleEndian(content.toReversed()) : refuseTdx('PCK certificate', 'a version', 'another number')
  }
  const components = Array.from({ length: 16 }, (_, i) => svn(i + 1))
  return { fmspc: octets(FMSPC, 6), pceId: octets(PCE_ID, 2), components, pceSvn: svn(PCE_SVN) }
}

/** The common name in a DER Name (RFC 5280 §4.1.2.4); empty when there is none. @throws TeapotError `x509/malformed` */
export function commonName(name: Uint8Array): string {
  for (const names = readDer(readDer(name).expect(DER.sequence).content); !names.done; ) {
    const attribute = readDer(readDer(names.expect(DER.set).content).expect(DER.sequence).content)
    if (derOid(attribute.expect(DER.oid)) !== COMMON_NAME) continue
    const text = attribute.optional(UTF8_STRING) ?? attribute.expect(PRINTABLE_STRING)
    return new TextDecoder().decode(text.content)
  }
  return ''
}

/** Canonical base64 alone, so that no text says the same as another. @throws TeapotError `tdx/malformed` */
export function base64(text: string): Uint8Array {
  try {
    const binary = atob(text)
    const bytes = new Uint8Array(binary.length)
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
    if (btoa(binary) === text) return bytes
  } catch {
    // Refused below, as is what is not canonical.
  }
  return refuseTdx('certificates', 'canonical base64', `'${text.slice(0, 40)}'`)
}

/** SEQUENCE OF SEQUENCE { OID, value }, by OID; each reader stands before its value. */
function readPairs(list: DerValue): Map<string, DerReader> {
  const pairs = new Map<string, DerReader>()
  for (const reader = readDer(list.content); !reader.done; ) {
    const pair = reader.sequence()
    const oid = derOid(pair.expect(DER.oid))
    if (pairs.has(oid)) refuseTdx('PCK certificate', 'each field once', `${oid} twice`)
    pairs.set(oid, pair)
  }
  return pairs
}

function need(fields: Map<string, DerReader>, oid: string): DerReader {
  return fields.get(oid) ?? refuseTdx('PCK certificate', `the field ${oid}`, 'none')
}
