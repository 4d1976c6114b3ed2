import { describe, expect, it } from 'vitest'
import {
  type CertificatePlan,
  type CrlPlan,
  der,
  extension,
  makeCertificate,
  makeCrl,
  makeKey,
} from '../../vectors/certificates.ts'
import { failureOf } from '../appraise/altered.fixture.ts'
import { toHex, utf8 } from '../bytes.ts'
import { encodeCbor } from '../cbor.ts'
import { promiseParser } from '../parser.behavior.ts'
import type { SnpReference } from '../reference-values.ts'
import { parseCertificate } from '../x509.ts'
import { snpAppraiser } from './appraise.ts'
import { createSnpAppraiser, parseSnpReport } from './index.ts'
import type { SnpProduct } from './tcb.ts'

/** A CA of our own in AMD's form: no genuine report of Genoa or Turin is at hand. */
const [rootKey, askKey, forgedKey] = [await makeKey('RSA-PSS'), await makeKey('RSA-PSS'), await makeKey('RSA-PSS')]
const [leafKey, otherKey, smallKey] = [await makeKey('P-384'), await makeKey('P-384'), await makeKey('P-256')]
const at = Date.UTC(2025, 0) / 1000
const reportData = new Uint8Array(64).fill(7)
const CHIP = new Uint8Array(64).map((_, i) => i + 1)
/** Family, model, stepping; TCB_VERSION as it stands; and the same as extensions of the certificate. */
const EARLIER = {
  tcb: [4, 1, 0, 0, 0, 0, 24, 219],
  versions: { '0301': 4, '0302': 1, '0303': 24, '0308': 219 },
  chip: CHIP,
}
const MACHINES = {
  Milan: { cpu: [0x19, 1, 1], ...EARLIER },
  Genoa: { cpu: [0x19, 0x11, 1], ...EARLIER },
  Turin: {
    ...{ cpu: [0x1a, 2, 1], tcb: [2, 1, 1, 3, 0, 0, 0, 88], chip: CHIP.map((byte, i) => (i < 8 ? byte : 0)) },
    versions: { '0301': 1, '0302': 1, '0303': 3, '0308': 88, '0309': 2 },
  },
}
const amd = (arcs: string, value: Uint8Array) => extension(`2b060104019c7801${arcs}`, false, value)
const integer = (value: number) =>
  der(0x02, Uint8Array.of(...(value > 255 ? [value >> 8] : value > 127 ? [0] : []), value & 255))
const vlekId = [amd('05', der(0x16, utf8('cloud')))]

/** A leaf's, with a change. */
function extensionsOf(product: SnpProduct, change: { name?: string; id?: Uint8Array[]; versions?: object } = {}) {
  const { versions, chip } = MACHINES[product]
  return [
    amd('02', der(0x16, utf8(change.name ?? `${product}-B1`))),
    ...Object.entries(change.versions ?? versions).map(([arcs, value]) => amd(arcs, integer(value))),
    ...(change.id ?? [amd('04', product === 'Turin' ? chip.slice(0, 8) : chip)]),
  ]
}

const leafWith = (change: Parameters<typeof extensionsOf>[1]) => ({
  leaf: { extensions: extensionsOf('Genoa', change) },
})
const tcbOf = (bootloader: number, tee: number, snp: number, microcode: number, fmc = 0) => ({
  minimumTcb: { bootloader, tee, snp, microcode, fmc },
})

const ark = { subject: 'ARK', issuer: 'ARK', key: rootKey, signer: rootKey, ca: true, keyUsage: '0106' }
const askPlan: CertificatePlan = { ...ark, subject: 'ASK', key: askKey, keyUsage: '0204', serial: 5, pathLength: 0 }
const leafPlan: CertificatePlan = { subject: 'SEV-VCEK', issuer: 'ASK', key: leafKey, signer: askKey, keyUsage: '' }
const listPlan: CrlPlan = { issuer: 'ARK', signer: rootKey, revoked: [] }
const root = await makeCertificate(ark)
const genoa = await makeReport('Genoa')

interface Machine {
  product: SnpProduct
  /** Bytes of the report to set before it is signed, by offset. */
  set: Record<string, number | readonly number[] | Uint8Array>
  leaf: Partial<CertificatePlan>
  ask: Partial<CertificatePlan>
  list: Partial<CrlPlan> | Uint8Array
  collateral: Uint8Array
  /** By AMD's own roots. */
  pinned: boolean
  reference: Partial<SnpReference>
}

async function makeReport(product: SnpProduct, set: Machine['set'] = {}): Promise<Uint8Array> {
  const { tcb, cpu, chip } = MACHINES[product]
  const report = new Uint8Array(0x4a0)
  const fields = { '0x000': 5, '0x00a': 3, '0x034': 1, '0x038': tcb, '0x050': reportData, '0x090': 9, '0x180': tcb }
  for (const [offset, value] of Object.entries({
    ...fields,
    '0x188': cpu,
    '0x1a0': chip,
    '0x1e0': tcb,
    '0x1f0': tcb,
    ...set,
  })) {
    report.set(typeof value === 'number' ? [value] : value, Number(offset))
  }
  const algorithm = { name: 'ECDSA', hash: 'SHA-384' }
  const raw = new Uint8Array(await crypto.subtle.sign(algorithm, leafKey.privateKey, report.slice(0, 0x2a0)))
  report.set(raw.slice(0, 48).reverse(), 0x2a0)
  report.set(raw.slice(48).reverse(), 0x2e8)
  return report
}

/** Appraised by one appraiser at each of these times; the last is told. */
async function appraise(machine: Partial<Machine> = {}, ...when: number[]) {
  const { product = 'Genoa', list } = machine
  const crl = list instanceof Uint8Array || !list ? (list ?? null) : await makeCrl({ ...listPlan, ...list })
  const report = await makeReport(product, machine.set)
  const ask = await makeCertificate({ ...askPlan, ...machine.ask })
  const leaf = await makeCertificate({ ...leafPlan, extensions: extensionsOf(product), ...machine.leaf })
  const reference: SnpReference = {
    ...{
      kind: 'sev-snp',
      name: 'ours',
      measurement: toHex(parseSnpReport(genoa).measurement),
      hostData: null,
      vmpl: 0,
    },
    ...(product === 'Turin' ? tcbOf(1, 1, 3, 88, 2) : tcbOf(4, 1, 24, 219)),
    ...machine.reference,
  }
  const references = { v: 1, boots: [], tees: [reference] } as const
  const own = snpAppraiser(references, [{ product, certificate: parseCertificate(root) }])
  const by = machine.pinned ? createSnpAppraiser(references) : own
  const collateral = machine.collateral ?? encodeCbor([leaf, ask, crl])
  const tee = { kind: 'sev-snp', report, collateral } as const
  for (const time of when) await by.appraise(tee, reportData, time)
  const { enclave, reason } = await by.appraise(tee, reportData, when.at(-1) ?? at)
  const failed = failureOf([reason])
  expect(enclave).toBe(failed === undefined)
  return failed?.id
}

describe('an SEV-SNP report', () => {
  promiseParser(parseSnpReport, { valid: genoa, codes: ['snp/malformed'] })
})

describe("SEV-SNP appraisal, made with our own CA in place of AMD's as no genuine report of Genoa or Turin is at hand,", () => {
  it.each<[string, Partial<Machine>]>([
    ['Genoa', {}],
    ['Bergamo', { set: { '0x188': [0x19, 0xa0] } }],
    ['Milan', { product: 'Milan' }],
    ['Turin, whose id is short and whose versions stand elsewhere', { product: 'Turin' }],
    ['a VLEK', { set: { '0x048': 1 << 2, '0x1a0': new Uint8Array(64) }, ...leafWith({ name: 'Genoa', id: vlekId }) }],
    ["a list of the root's that does not name the intermediate", { list: { revoked: [4] } }],
    ['host data that the reference names', { set: { '0x0c0': 1 }, reference: { hostData: `0x01${'00'.repeat(31)}` } }],
  ])('takes %s', async (_, machine) => {
    expect(await appraise(machine)).toBeUndefined()
  })
  it.each<[string, string, Partial<Machine>]>([
    ['a report of another version', 'tee/report', { set: { '0x000': 4 } }],
    ['another signature algorithm', 'tee/report', { set: { '0x034': 2 } }],
    ['a report that nobody signed', 'tee/report', { set: { '0x048': 7 << 2 } }],
    ['a kind of key that is reserved', 'tee/report', { set: { '0x048': 2 << 2 } }],
    ['reserved bits beside the kind of key', 'tee/report', { set: { '0x049': 1 } }],
    ['a policy without the bit that must be one', 'tee/report', { set: { '0x00a': 1 } }],
    ['a policy with a reserved bit', 'tee/report', { set: { '0x00b': 4 } }],
    ['bytes in reserved places', 'tee/report', { set: { '0x04c': 1 } }],
    ['a CPU in version 2', 'tee/report', { set: { '0x000': 2 } }],
    ['a mitigation vector in version 3', 'tee/report', { set: { '0x000': 3, '0x1f8': 1 } }],
    ['an r of more than 48 bytes', 'tee/report', { set: { '0x2d0': 1 } }],
    ['an s of more than 48 bytes', 'tee/report', { set: { '0x32f': 1 } }],
    ['bytes after the signature', 'tee/report', { set: { '0x49f': 1 } }],
    ['an intermediate that is no CA', 'tee/chain', { ask: { ca: false } }],
    ['an intermediate that may not sign certificates', 'tee/chain', { ask: { keyUsage: '0780' } }],
    ['an intermediate of another root', 'tee/chain', { ask: { issuer: 'other' } }],
    ['an intermediate that the root did not sign', 'tee/chain', { ask: { signer: forgedKey } }],
    ['a leaf that the intermediate did not sign', 'tee/chain', { leaf: { signer: forgedKey } }],
    ['a leaf that is a CA', 'tee/chain', { leaf: { ca: true } }],
    ['a leaf with another key', 'tee/signature', { leaf: { key: otherKey } }],
    ['a leaf on P-256', 'tee/chain', { leaf: { key: smallKey } }],
    ['a leaf that ended', 'tee/chain', { leaf: { notAfter: '20241231235959Z' } }],
    ['a leaf that begins later', 'tee/chain', { leaf: { notBefore: '20250101000001Z' } }],
    ['an intermediate that ended', 'tee/chain', { ask: { notAfter: '20241231235959Z' } }],
    ['a leaf of another product', 'tee/chain', leafWith({ name: 'Milan-B0' })],
    ['a leaf of both a processor and a cloud', 'tee/chain', leafWith({ id: [amd('04', CHIP), ...vlekId] })],
    ['a leaf of neither', 'tee/chain', leafWith({ id: [] })],
    ['a leaf with a short id', 'tee/chain', leafWith({ id: [amd('04', CHIP.slice(0, 8))] })],
    ['a leaf without a version', 'tee/chain', leafWith({ versions: { '0301': 4, '0302': 1, '0303': 24 } })],
    ['a leaf with a version out of range', 'tee/chain', leafWith({ versions: { ...EARLIER.versions, '0301': -1 } })],
    [
      'a leaf with a version of two bytes',
      'tee/chain',
      leafWith({ versions: { ...EARLIER.versions, '0301': 0x0400 } }),
    ],
    ['a leaf of other firmware', 'tee/processor', leafWith({ versions: { ...EARLIER.versions, '0308': 218 } })],
    ['a leaf of other firmware of Turin', 'tee/processor', { product: 'Turin', set: { '0x180': 3 } }],
    ['a leaf of another chip', 'tee/processor', { set: { '0x1df': 1 } }],
    ['a chip id that Turin pads with more than zeros', 'tee/processor', { product: 'Turin', set: { '0x1df': 1 } }],
    ['a VLEK under a report that names a VCEK', 'tee/processor', leafWith({ id: vlekId })],
    ['a report of another product', 'tee/processor', { set: { '0x188': MACHINES.Milan.cpu } }],
    ['a report of an unknown product', 'tee/processor', { set: { '0x188': [0x19, 0x20] } }],
    ['a revoked intermediate', 'tee/revocation', { list: { revoked: [5] } }],
    ['a forged list', 'tee/revocation', { list: { signer: forgedKey } }],
    ["another CA's list", 'tee/revocation', { list: { issuer: 'ASK', signer: askKey } }],
    ['a list that ended', 'tee/revocation', { list: { nextUpdate: '20241231235959Z' } }],
    ['a list of the future', 'tee/revocation', { list: { thisUpdate: '20250101000001Z' } }],
    ['a list that cannot be read', 'tee/revocation', { list: Uint8Array.of(0x30, 0) }],
    ['collateral of two', 'tee/collateral', { collateral: encodeCbor([root, root]) }],
    ['collateral that is no CBOR', 'tee/collateral', { collateral: new Uint8Array() }],
    ['certificates that are none', 'tee/chain', { collateral: encodeCbor([reportData, root, null]) }],
    ['other report data', 'tee/report-data', { set: { '0x050': 8 } }],
    ['a guest that may be debugged', 'tee/policy', { set: { '0x00a': 0x0b } }],
    ['a guest that may be migrated', 'tee/policy', { set: { '0x00a': 0x07 } }],
    ['firmware older than it committed to', 'tee/rollback', { set: { '0x1e0': 5 } }],
    ['another measurement', 'tee/measurement', { set: { '0x090': 8 } }],
    ['host data that the reference lacks', 'tee/host-data', { set: { '0x0c0': 1 } }],
    ['another privilege level', 'tee/vmpl', { set: { '0x030': 1 } }],
    ['an old part', 'tee/tcb', { reference: tcbOf(0, 0, 25, 0) }],
    ['a guest that older firmware launched, and measured', 'tee/tcb', { set: { '0x1f6': 23 } }],
    ['a guest that older firmware of Turin launched', 'tee/tcb', { product: 'Turin', set: { '0x1f0': 1 } }],
    ['an old part of Turin', 'tee/tcb', { product: 'Turin', reference: tcbOf(0, 0, 0, 0, 3) }],
    ['a release that nothing names', 'tee/measurement', { reference: { measurement: `0x${'01'.repeat(48)}` } }],
    ["what only our CA stands behind, by AMD's roots", 'tee/chain', { pinned: true }],
  ])('refuses %s: %s', async (_, id, machine) => {
    expect(await appraise(machine)).toBe(id)
  })
  it('judges time anew for a chain that it knows', async () => {
    const leaf = { notAfter: '20250601000000Z', extensions: extensionsOf('Genoa') }
    expect(await appraise({ leaf }, at, Date.UTC(2025, 5) / 1000)).toBeUndefined()
    expect(await appraise({ leaf }, at, Date.UTC(2025, 5) / 1000 + 1)).toBe('tee/chain')
  })
})
