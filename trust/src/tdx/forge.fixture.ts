import {
  type CertificatePlan,
  type CrlPlan,
  der,
  extension,
  makeCertificate,
  makeCrl,
  makeKey,
} from '../../vectors/certificates.ts'
import { concatBytes, fromHex, sha256, toHex, utf8 } from '../index.ts'

/** When what is forged holds, unless it says otherwise: 2025-06-19T12:00:00Z. */
export const FORGED_AT = Date.UTC(2025, 5, 19, 12) / 1000
/** Keys of a CA world of our own. */
export const KEYS = {
  root: await makeKey('P-256'),
  ca: await makeKey('P-256'),
  pck: await makeKey('P-256'),
  signer: await makeKey('P-256'),
  attestation: await makeKey('P-256'),
}
/** A certificate. */
export type Name = 'root' | 'ca' | 'pck' | 'signer'
type Json = Record<string, unknown>
type Patch = Record<number, string>

/** How a forgery differs from what is good. Patches are hex by offset. */
export interface Forgery {
  certificates?: Partial<Record<Name, Partial<CertificatePlan>>>
  lists?: Partial<Record<'root' | 'ca', Partial<CrlPlan> | Uint8Array>>
  tcbInfo?: Json
  identity?: Json
  /** What signs TCB info and identity, and its chain. */
  signedBy?: keyof typeof KEYS
  signedUnder?: Name[]
  version?: 4 | 5
  bodyType?: number
  header?: Patch
  body?: Patch
  qe?: Patch
}

/** The states of platform, TDX module and Quoting Enclave. */
export function states(platform: string, module = 'UpToDate', qe = 'UpToDate'): Pick<Forgery, 'tcbInfo' | 'identity'> {
  const svn = (tcbStatus: string, name: string) => [{ tcb: { isvsvn: 5 }, tcbStatus, advisoryIDs: [name] }]
  const modules = [{ id: 'TDX_01', ...MODULE, tcbLevels: svn(module, 'MODULE') }]
  return {
    tcbInfo: { tcbLevels: [platformLevel(platform)], tdxModuleIdentities: modules },
    identity: { tcbLevels: svn(qe, 'QE') },
  }
}

/** The second component is the version of the TDX module. */
const TDX_5 = Array<number>(16).fill(5).with(1, 0)

/** A level of the platform; components and PCE of 5. */
export function platformLevel(tcbStatus: string, sgx = 5, tdx: number[] = TDX_5, pcesvn = 5): Json {
  const components = (svns: number[]) => svns.map((svn) => ({ svn }))
  const tcb = { sgxtcbcomponents: components(Array(16).fill(sgx)), pcesvn, tdxtcbcomponents: components(tdx) }
  return { tcb, tcbStatus, advisoryIDs: ['PLATFORM'] }
}

/** A quote and collateral under a root of our own. */
export async function forge(plan: Forgery = {}): Promise<Record<'report' | 'collateral' | 'root', Uint8Array>> {
  const { signedBy = 'signer', signedUnder = ['signer', 'root'] } = plan
  const certificates = await makeCertificates(plan.certificates ?? {})
  const pem = (names: Name[]) => names.map((name) => toPem(certificates[name])).join('')
  const list = async (issuer: 'root' | 'ca') => {
    const change = plan.lists?.[issuer] ?? {}
    const good = { issuer: SUBJECTS[issuer], signer: KEYS[issuer], revoked: [99] }
    return hex(change instanceof Uint8Array ? change : await makeCrl({ ...good, ...change }))
  }
  const signed = async <N extends string>(name: N, ...parts: (Json | undefined)[]) => {
    const text = JSON.stringify(Object.assign({}, ...parts))
    const signature = hex(await sign(signedBy, utf8(text)))
    return { [name]: text, [`${name}_signature`]: signature, [`${name}_issuer_chain`]: pem(signedUnder) }
  }
  const good = states('UpToDate')
  const collateral = {
    ...{ root_ca_crl: await list('root'), pck_crl: await list('ca') },
    ...(await signed('tcb_info', TCB_INFO, good.tcbInfo, plan.tcbInfo)),
    ...(await signed('qe_identity', IDENTITY, good.identity, plan.identity)),
  }
  const report = await makeQuote(plan, utf8(pem(['pck', 'ca', 'root'])))
  return { report, collateral: utf8(JSON.stringify(collateral)), root: certificates.root }
}

const SUBJECTS: Record<Name, string> = {
  ...{ root: 'Intel SGX Root CA', ca: 'Intel SGX PCK Platform CA' },
  ...{ pck: 'Intel SGX PCK Certificate', signer: 'Intel SGX TCB Signing' },
}
const MODULE = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8), attributesMask: 'ff'.repeat(8) }
const SPAN = { issueDate: '2025-06-01T00:00:00Z', nextUpdate: '2025-07-01T00:00:00Z' }
const PLATFORM = { fmspc: 'B0C06F000000', pceId: '0000' }
const TCB_INFO = { id: 'TDX', version: 3, tcbType: 0, ...SPAN, ...PLATFORM, tdxModule: MODULE }
const QE = { attributes: `11${'00'.repeat(15)}`, attributesMask: `FB${'FF'.repeat(7)}${'00'.repeat(8)}`, isvprodid: 2 }
const MISC = { miscselect: '00000000', miscselectMask: 'FFFFFFFF', mrsigner: 'DC'.repeat(32) }
const IDENTITY = { id: 'TD_QE', version: 2, ...SPAN, ...QE, ...MISC }
const SGX_OID = '2a864886f84d010d01'

async function makeCertificates(changes: NonNullable<Forgery['certificates']>): Promise<Record<Name, Uint8Array>> {
  const make = (name: Name, issuer: 'root' | 'ca', more: Partial<CertificatePlan>) => {
    const names = { subject: SUBJECTS[name], issuer: SUBJECTS[issuer] }
    return makeCertificate({ ...names, key: KEYS[name], signer: KEYS[issuer], ...more, ...changes[name] })
  }
  const ca = { ca: true, keyUsage: '0106' }
  return {
    root: await make('root', 'root', { ...ca, pathLength: 1, serial: 1 }),
    ca: await make('ca', 'root', { ...ca, pathLength: 0, serial: 2 }),
    signer: await make('signer', 'root', { serial: 3 }),
    pck: await make('pck', 'ca', { serial: 4, extensions: [platformExtension()] }),
  }
}

function platformExtension(): Uint8Array {
  const pair = (oid: string, tag: number, ...value: Uint8Array[]) =>
    der(0x30, der(0x06, fromHex(`0x${SGX_OID}${oid}`)), der(tag, ...value))
  const svns = Array.from({ length: 17 }, (_, i) => pair(`02${hex(number(i + 1, 1))}`, 0x02, number(5, 1)))
  const ids = [pair('03', 0x04, fromHex(`0x${PLATFORM.pceId}`)), pair('04', 0x04, fromHex(`0x${PLATFORM.fmspc}`))]
  return extension(SGX_OID, false, der(0x30, pair('02', 0x30, ...svns), ...ids))
}

async function makeQuote(plan: Forgery, pckChain: Uint8Array): Promise<Uint8Array> {
  const { version = 4, bodyType = 3 } = plan
  const size = version === 4 || bodyType === 2 ? 584 : 648
  const kind = { 0: hex(number(version, 2)), 2: '02', 4: '81', 12: '939a7233f79c4ca9940a0db3957f0607' }
  const report = { 0: `0501${'05'.repeat(14)}`, 120: '0000001000000000', 136: 'aa'.repeat(48) }
  const type = version === 5 ? [number(bodyType, 2), number(size, 4)] : []
  const signed = concatBytes(patched(48, kind, plan.header), ...type, patched(size, report, plan.body))
  const point = new Uint8Array(await crypto.subtle.exportKey('raw', KEYS.attestation.publicKey)).subarray(1)
  const authData = utf8('auth')
  const enclave = { 48: '15', 128: 'dc'.repeat(32), 256: '0200', 258: '0500' }
  const qe = patched(384, { ...enclave, 320: hex(sha256(concatBytes(point, authData))) }, plan.qe)
  const sized = (bytes: Uint8Array) => concatBytes(number(bytes.length, 4), bytes)
  const chain = concatBytes(number(5, 2), sized(pckChain))
  const certification = sized(concatBytes(qe, await sign('pck', qe), number(4, 2), authData, chain))
  return concatBytes(signed, sized(concatBytes(await sign('attestation', signed), point, number(6, 2), certification)))
}

function patched(size: number, ...patches: (Patch | undefined)[]): Uint8Array {
  const bytes = new Uint8Array(size)
  for (const [at, by] of patches.flatMap((patch) => Object.entries(patch ?? {}))) bytes.set(fromHex(`0x${by}`), +at)
  return bytes
}

function number(value: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => value >>> (8 * i))
}

function hex(bytes: Uint8Array): string {
  return toHex(bytes).slice(2)
}

async function sign(by: keyof typeof KEYS, message: Uint8Array): Promise<Uint8Array> {
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
  return new Uint8Array(await crypto.subtle.sign(algorithm, KEYS[by].privateKey, new Uint8Array(message)))
}

function toPem(bytes: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${btoa(String.fromCharCode(...bytes))}\n-----END CERTIFICATE-----\n`
}
