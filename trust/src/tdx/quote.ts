import { toHex } from '../bytes.ts'
import { TeapotError } from '../teapot-error.ts'

/** The parts of a structure in their order, with their sizes in bytes. */
type Layout = Readonly<Record<string, number>>
type Parts<L extends Layout> = Record<keyof L, Uint8Array>

/** Intel TDX DCAP Quoting Library, §A.3.1. */
const HEADER = { version: 2, attestationKeyType: 2, teeType: 4, reserved: 4, qeVendor: 16, userData: 20 } as const
/** TD report of TDX 1.0: §A.3.2. */
const SEAM = { teeTcbSvn: 16, mrSeam: 48, mrSignerSeam: 48, seamAttributes: 8 } as const
const OWNER = { mrConfigId: 48, mrOwner: 48, mrOwnerConfig: 48 } as const
const RTMRS = { rtmr0: 48, rtmr1: 48, rtmr2: 48, rtmr3: 48 } as const
const TD_REPORT_10 = { ...SEAM, tdAttributes: 8, xfam: 8, mrtd: 48, ...OWNER, ...RTMRS, reportData: 64 } as const
/** TD report of TDX 1.5: §A.4. */
const TD_REPORT_15 = { ...TD_REPORT_10, teeTcbSvn2: 16, mrServiceTd: 48 } as const
/** Report body of an enclave: §A.3. */
const ENCLAVE = { cpuSvn: 16, miscSelect: 4, reserved1: 28, attributes: 16, mrEnclave: 32, reserved2: 32 } as const
const SIGNER = { mrSigner: 32, reserved3: 96, isvProdId: 2, isvSvn: 2, reserved4: 60, reportData: 64 } as const
const ENCLAVE_REPORT = { ...ENCLAVE, ...SIGNER } as const

/** What a version 5 quote may hold, by its body type; type 1 is an SGX enclave's report. */
const BODIES: Readonly<Record<number, Layout>> = { 2: TD_REPORT_10, 3: TD_REPORT_15 }
/** Tee type, key type and vendor in the header. */
const KIND = '0x81000000,0x0200,0x939a7233f79c4ca9940a0db3957f0607'
const QE_REPORT_DATA = 6
const PCK_CHAIN = 5

/** What a trust domain reports of itself; the last two parts are absent before TDX 1.5. */
export type TdReport = Parts<typeof TD_REPORT_10> &
  Partial<Parts<Pick<typeof TD_REPORT_15, 'teeTcbSvn2' | 'mrServiceTd'>>>

/** A TDX quote of version 4 or 5 that is signed with ECDSA P-256 and brings its PCK chain. */
export interface TdxQuote {
  version: 4 | 5
  /** Header and body: what the attestation key signed. */
  signed: Uint8Array
  report: TdReport
  /** r‖s of the attestation key. */
  signature: Uint8Array
  /** x‖y */
  attestationKey: Uint8Array
  /** The Quoting Enclave's report, whole and in parts. */
  qe: { signed: Uint8Array; report: Parts<typeof ENCLAVE_REPORT>; signature: Uint8Array; authData: Uint8Array }
  /** PEM: PCK certificate, its CA, Intel's root. */
  pckChain: Uint8Array
}

/**
 * Reads a quote. Every length must be exact; after it, zeros alone may stand, as some providers pad.
 * @throws TeapotError `tdx/malformed`
 */
export function parseTdxQuote(bytes: Uint8Array): TdxQuote {
  const take = taker(bytes)
  const header = cut(take, HEADER)
  const version = littleEndian(header.version)
  if (version !== 4 && version !== 5) return refuseTdx('quote', 'version 4 or 5', `${version}`)
  const kind = [header.teeType, header.attestationKeyType, header.qeVendor].map(toHex).join()
  if (kind !== KIND) refuseTdx('quote', `TDX, ECDSA P-256 and Intel's Quoting Enclave, ${KIND}`, kind)
  const layout = version === 4 ? TD_REPORT_10 : BODIES[littleEndian(take(2))]
  if (!layout) return refuseTdx('quote', 'body type 2 or 3, a TD report', 'another')
  if (version === 5) take(4, sizeOf(layout))
  const report = cut(take, layout) as TdReport
  const signed = bytes.subarray(0, sizeOf(HEADER) + (version === 5 ? 6 : 0) + sizeOf(layout))
  const data = taker(take(littleEndian(take(4))))
  if (take().some((byte) => byte !== 0)) refuseTdx('quote', 'nothing but zeros after it', 'trailing bytes')
  const [signature, attestationKey] = [data(64), data(64)]
  const certified = taker(takeCertification(data, QE_REPORT_DATA))
  const qeReport = certified(sizeOf(ENCLAVE_REPORT))
  const qeSignature = certified(64)
  const authData = certified(littleEndian(certified(2)))
  const qe = { signed: qeReport, report: cut(taker(qeReport), ENCLAVE_REPORT), signature: qeSignature, authData }
  return { version, signed, report, signature, attestationKey, qe, pckChain: takeCertification(certified, PCK_CHAIN) }
}

/** A little-endian number. */
export function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((sum, byte) => sum * 256 + byte, 0)
}

/** @throws TeapotError `tdx/malformed`, always */
export function refuseTdx(what: string, expected: string, found: string): never {
  throw new TeapotError('tdx/malformed', `Cannot read ${what}: expected ${expected}, found ${found}`)
}

/** Takes so many bytes, or the rest; as a number they must be `wanted`. */
type Take = (length?: number, wanted?: number) => Uint8Array

function taker(bytes: Uint8Array): Take {
  let at = 0
  return (length = bytes.length - at, wanted) => {
    const part = bytes.subarray(at, at + length)
    if (part.length < length) refuseTdx('quote', `${length} bytes at ${at}`, `${part.length}`)
    if (wanted !== undefined && littleEndian(part) !== wanted) refuseTdx('quote', `${wanted} at ${at}`, toHex(part))
    at += length
    return part
  }
}

/** Certification data: type, size, and as many bytes, with which what holds it ends. */
function takeCertification(take: Take, type: number): Uint8Array {
  take(2, type)
  const length = littleEndian(take(4))
  const rest = take()
  return rest.length === length ? rest : refuseTdx('quote', `${length} bytes of certification data`, `${rest.length}`)
}

function sizeOf(layout: Layout): number {
  return Object.values(layout).reduce((sum, length) => sum + length, 0)
}

function cut<L extends Layout>(take: Take, layout: L): Parts<L> {
  return Object.fromEntries(Object.entries(layout).map(([name, length]) => [name, take(length)])) as Parts<L>
}
