import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expectEachBit, failureOf } from './appraise/altered.fixture.ts'
import type { TeeAppraiser } from './appraise/beneath.ts'
import { toHex } from './bytes.ts'
import { encodeCbor } from './cbor.ts'
import { digestOf } from './digest.ts'
import { createNitroAppraiser, parseNitroDocument } from './nitro/index.ts'
import { endorse } from './snp/endorsement.ts'
import { AMD_INTERMEDIATES, AMD_ROOTS, createSnpAppraiser, parseSnpReport } from './snp/index.ts'
import { parseCertificate } from './x509.ts'

/** Evidence of genuine processors, kept beside the checkout, as it is other people's. */
const folder = join(import.meta.dirname, '../../../shared/samples/tee')
const present = existsSync(folder)
if (!present)
  console.warn('SKIPPED: the tests on genuine SEV-SNP and Nitro evidence, as ../shared/samples/tee is not there')
const read = (name: string) => new Uint8Array(readFileSync(join(folder, name)))
const base64 = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
const amd = (name: string) => base64([...AMD_ROOTS, ...AMD_INTERMEDIATES].find((one) => one.name === name)!.der)

async function failure(by: TeeAppraiser, report: Uint8Array, collateral: Uint8Array, data: Uint8Array, at: number) {
  const { enclave, reason } = await by.appraise({ kind: by.kind, report, collateral }, data, at)
  const failed = failureOf([reason])
  expect(enclave).toBe(failed === undefined)
  return failed
}

interface Shown {
  report: Uint8Array
  leaf: Uint8Array
  ask: Uint8Array
}

const show = (name: string): Shown => ({
  report: read(`snp/${name}.report.bin`),
  leaf: read(`snp/${name}.leaf.der`),
  ask: amd(name.endsWith('vlek') ? 'SEV-VLEK-Milan' : 'SEV-Milan'),
})

/** Appraised at that date as if its measurement and report data were those expected. */
function appraiseSnp({ report, leaf, ask }: Shown, date: string, genuine = report) {
  const { measurement, vmpl, reportData } = parseSnpReport(genuine)
  const minimumTcb = { bootloader: 2, tee: 0, snp: 5, microcode: 68, fmc: 0 }
  const release = { name: 'sample', measurement: toHex(measurement), hostData: null, vmpl, minimumTcb }
  const by = createSnpAppraiser({ v: 1, boots: [], tees: [{ kind: 'sev-snp', ...release }] })
  return failure(by, report, encodeCbor([leaf, ask, null]), reportData, Date.parse(date) / 1000)
}

/** Appraised a minute after it was made as if its PCRs and user data were those expected. */
function appraiseNitro(report: Uint8Array, genuine = report) {
  const { pcrs, userData, timestamp } = parseNitroDocument(genuine)
  const release = { name: 'sample', pcr0: pcrs.get(0)!, pcr1: pcrs.get(1)!, pcr2: pcrs.get(2)! }
  const by = createNitroAppraiser({ v: 1, boots: [], tees: [{ kind: 'nitro', ...release }] })
  return failure(by, report, new Uint8Array(), userData, timestamp / 1000 + 60)
}

describe.skipIf(!present)('genuine SEV-SNP evidence', () => {
  it.each([
    ['milan-v2-vcek', '2024-01-01', undefined],
    ['milan-v3-vlek', '2025-12-10', undefined],
    ['milan-v3-vlek', '2025-12-11', 'tee/chain'],
    ['milan-v3-vlek', '2024-12-10', 'tee/chain'],
    ['milan-v5-gcp', '2026-01-01', undefined],
    ['milan-v5-gcp', '2025-12-05', 'tee/chain'],
    ['milan-v2-debugpolicy', '2024-01-01', 'tee/policy'],
  ])('%s at %s fails at: %s', async (name, date, id) => {
    expect((await appraiseSnp(show(name), date))?.id).toBe(id)
  })
  it("with another processor's certificate, or under another intermediate, is refused", async () => {
    const [old, gcp, cloud] = [show('milan-v2-vcek'), show('milan-v5-gcp'), show('milan-v3-vlek')]
    for (const other of [show('milan-v2-debugpolicy'), gcp, cloud]) {
      expect((await appraiseSnp({ ...other, report: old.report }, '2025-12-06'))?.id).toBe('tee/signature')
    }
    expect((await appraiseSnp({ ...cloud, ask: gcp.ask }, '2025-06-01'))?.found).toMatch(/^leaf: /)
    expect((await appraiseSnp({ ...gcp, ask: amd('SEV-Turin') }, '2026-01-01'))?.found).toMatch(/^leaf: /)
  })
  it.each<[string, keyof Shown, number, number, number?]>([
    ['VERSION to POLICY', 'report', 0, 0x10],
    ['FAMILY_ID to SIGNING_KEY', 'report', 0x10, 0x50],
    ['REPORT_DATA', 'report', 0x50, 0x90],
    ['MEASUREMENT and HOST_DATA', 'report', 0x90, 0xe0],
    ['key digests and report ids', 'report', 0xe0, 0x180],
    ['REPORTED_TCB and CPUID', 'report', 0x180, 0x1a0],
    ['CHIP_ID', 'report', 0x1a0, 0x1e0],
    ['committed versions to the end', 'report', 0x1e0, 0x2a0],
    ['SIGNATURE', 'report', 0x2a0, 0x4a0],
    ['the leaf', 'leaf', 0, 1360, 271],
    ['the intermediate', 'ask', 0, 1677, 333],
  ])(
    'in which a bit of %s is flipped is refused, and the reason names %s',
    async (_, part, from, to, step = 17) => {
      const expected = part === 'report' ? /^tee\/(report|signature)$/ : /^tee\/chain$/
      for (const [name, date] of Object.entries({ 'milan-v2-vcek': '2024-01-01', 'milan-v5-gcp': '2026-01-01' })) {
        const shown = show(name)
        const idOf = async (altered: Uint8Array) =>
          (await appraiseSnp({ ...shown, [part]: altered }, date, shown.report))?.id
        await expectEachBit({ bytes: shown[part], from, to: Math.min(to, shown[part].length), step }, idOf, expected)
      }
    },
    120_000,
  )
  it('of Turin, a VCEK without its report: the chain holds, and tells chip and versions', async () => {
    const roots = [{ product: 'Turin', certificate: parseCertificate(amd('ARK-Turin')) } as const]
    const held = await endorse(encodeCbor([read('snp/turin.vcek-only.der'), amd('SEV-Turin'), null]), roots)
    const tcb = { bootloader: 0, tee: 0, snp: 0, microcode: 9, fmc: 0 }
    expect(held).toMatchObject({
      product: 'Turin',
      signer: 'VCEK',
      notAfter: Date.UTC(2031, 10, 6, 21, 14) / 1000,
      tcb,
    })
    expect('chipId' in held && toHex(held.chipId!)).toBe(`0x${'1e550a8ee5cf9f4d'.padEnd(128, '0')}`)
  })
  it("is judged by certificates of AMD's Key Distribution Service, with the fingerprints beside them", () => {
    for (const { der, sha256 } of [...AMD_ROOTS, ...AMD_INTERMEDIATES])
      expect(digestOf(base64(der))).toBe(`0x${sha256}`)
    for (const product of ['Milan', 'Genoa', 'Turin']) {
      for (const [file, key] of Object.entries({ '': 'SEV', _vlek: 'SEV-VLEK' })) {
        const pem = readFileSync(join(folder, `snp/ask_ark_${product.toLowerCase()}${file}.pem`), 'utf8')
        const given = pem.match(/(?<=BEGIN CERTIFICATE-----)[^-]+/g)!.map((block) => toHex(base64(block)))
        expect(given).toEqual([toHex(amd(`${key}-${product}`)), toHex(amd(`ARK-${product}`))])
      }
    }
  })
})

describe.skipIf(!present)('genuine Nitro evidence', () => {
  it('of an enclave in production holds at its time; of one in debug mode, it is refused for its zeros', async () => {
    expect(await appraiseNitro(read('nitro/base1.cose'))).toBeUndefined()
    expect(await appraiseNitro(read('nitro/evervault-beta-debug.cose'))).toMatchObject({ id: 'tee/debug' })
  })
  it('in which any bit is flipped is refused, and the reason names form, chain or signature', async () => {
    const genuine = read('nitro/base1.cose')
    const seen = new Set<string | undefined>()
    const idOf = async (altered: Uint8Array) => {
      const id = (await appraiseNitro(altered, genuine))?.id
      seen.add(id)
      return id
    }
    await expectEachBit({ bytes: genuine, step: 57 }, idOf, /^tee\/(report|chain|signature)$/)
    expect(seen.size).toBe(3)
  })
})
