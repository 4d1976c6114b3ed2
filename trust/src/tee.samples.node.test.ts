import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { nitroAppraisalOf, nitroParts } from '../genuine/nitro.ts'
import { base64, hasGenuine, pathOfGenuine, readGenuine } from '../genuine/samples.ts'
import { amd, readShown, type Shown, snpAppraisalOf, snpParts } from '../genuine/snp.ts'
import { EACH_BIT_MS, eachRegion, takesNone } from './appraise/altered.fixture.ts'
import { toHex } from './bytes.ts'
import { encodeCbor } from './cbor.ts'
import { digestOf } from './digest.ts'
import { endorse } from './snp/endorsement.ts'
import { AMD_INTERMEDIATES, AMD_ROOTS } from './snp/index.ts'
import { parseCertificate } from './x509.ts'

const present = hasGenuine('tee', 'the tests on genuine SEV-SNP and Nitro evidence')
const appraiseSnp = (shown: Shown, date: string) => snpAppraisalOf(shown.report, date)(shown)

describe.skipIf(!present)('genuine SEV-SNP evidence', () => {
  const roots = (['Milan', 'Turin'] as const).map((product) => {
    return { product, certificate: parseCertificate(amd(`ARK-${product}`)) }
  })
  it.each([
    ['milan-v2-vcek', '2024-01-01', undefined],
    ['milan-v3-vlek', '2025-12-10', undefined],
    ['milan-v3-vlek', '2025-12-11', 'tee/chain'],
    ['milan-v3-vlek', '2024-12-10', 'tee/chain'],
    ['milan-v5-gcp', '2026-01-01', undefined],
    ['milan-v5-gcp', '2025-12-05', 'tee/chain'],
    ['milan-v2-debugpolicy', '2024-01-01', 'tee/policy'],
  ])('%s at %s fails at: %s', async (name, date, id) => {
    expect(await appraiseSnp(readShown(name), date)).toBe(id)
  })
  it("with another processor's certificate, or under another intermediate, is refused", async () => {
    const [old, gcp, cloud] = ['milan-v2-vcek', 'milan-v5-gcp', 'milan-v3-vlek'].map(readShown) as [Shown, Shown, Shown]
    for (const other of [readShown('milan-v2-debugpolicy'), gcp, cloud]) {
      expect(await appraiseSnp({ ...other, report: old.report }, '2025-12-06')).toBe('tee/signature')
    }
    for (const [{ leaf }, ask] of [
      [cloud, gcp.ask],
      [gcp, amd('SEV-Turin')],
    ] as const) {
      expect(await endorse(encodeCbor([leaf, ask, null]), roots)).toMatchObject({
        id: 'tee/chain',
        found: expect.stringMatching(/^leaf: /),
      })
    }
  })
  const all = present ? snpParts() : []
  const parts = all.filter(({ sample }) => /milan-v2-vcek|milan-v5-gcp/.test(sample))
  it.each(eachRegion(parts))('in which a bit of the %s, %s, is flipped is refused for it', takesNone, EACH_BIT_MS)
  it('of Turin, a VCEK without its report: the chain holds, and tells chip and versions', async () => {
    const held = await endorse(encodeCbor([readGenuine('tee/snp/turin.vcek-only.der'), amd('SEV-Turin'), null]), roots)
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
        const pem = readFileSync(pathOfGenuine(`tee/snp/ask_ark_${product.toLowerCase()}${file}.pem`), 'utf8')
        const given = pem.match(/(?<=BEGIN CERTIFICATE-----)[^-]+/g)!.map((block) => toHex(base64(block)))
        expect(given).toEqual([toHex(amd(`${key}-${product}`)), toHex(amd(`ARK-${product}`))])
      }
    }
  })
})

describe.skipIf(!present)('genuine Nitro evidence', () => {
  const [production, debug] = present ? nitroParts() : []
  it('of an enclave in production holds at its time; of one in debug mode, it is refused for its zeros', async () => {
    expect(await nitroAppraisalOf(production!.bytes)(production!.bytes)).toBeUndefined()
    expect(await nitroAppraisalOf(debug!.bytes)(debug!.bytes)).toBe('tee/debug')
  })
  it.each(eachRegion(production ? [production] : []))(
    'in which a bit of the %s, %s, is flipped is refused for it',
    takesNone,
    EACH_BIT_MS,
  )
})
