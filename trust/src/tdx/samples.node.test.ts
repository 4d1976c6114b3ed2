import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import dcap from '@phala/dcap-qvl'
import { initSync, js_verify } from '@phala/dcap-qvl-web'
import { describe, expect, it } from 'vitest'
import { expectEachBit, failureOf } from '../appraise/altered.fixture.ts'
import { utf8 } from '../index.ts'
import { createTdxAppraiser, parseTdxQuote, verifyTdxQuote } from './index.ts'

/** Quotes of real processors, kept beside the checkout, as they are other people's; with Intel's collateral of their days. */
const folder = join(import.meta.dirname, '../../../../shared/samples/tee')
const present = existsSync(folder)
if (!present) console.warn('SKIPPED: the tests on genuine TDX quotes, as ../shared/samples/tee is not there')
const AZURE = 'azure-vtpm/tdx-v1'
const read = (name: string): Record<'report' | 'collateral', Uint8Array> => {
  if (name === AZURE) {
    const { td_quote } = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'))
    // Its platform is of the same kind.
    return { ...read('tdx-v4/gcp-cos113'), report: new Uint8Array(Buffer.from(td_quote, 'base64url')) }
  }
  const path = (kind: string) => new Uint8Array(readFileSync(join(folder, `${name}.${kind}`)))
  return { report: path('quote.bin'), collateral: path('collateral.json') }
}
const seconds = (time: string) => Date.parse(time) / 1000
const AT = seconds('2025-06-19T11:40:00Z')
const phala = 'tdx-v4/phala-tdx'
const failure = async (report: Uint8Array, collateral: Uint8Array, at = AT) =>
  failureOf((await verifyTdxQuote(report, collateral, at)).reasons)?.id.slice(4)

/** Name, time, what fails first, our state; what the oracles say: the JavaScript one, and the WASM one. */
const VERDICTS: (readonly [string, string, string | undefined, string | undefined, string, string])[] = [
  [phala, '2025-06-19T11:40:00Z', undefined, 'UpToDate', 'UpToDate', 'UpToDate'],
  // The oracles also compare the components that Intel leaves to the levels of the TDX module (spec/tee.md §1.4).
  ['tdx-v4/gcp-cos113', '2025-06-19T12:00:00Z', undefined, 'UpToDate', 'OutOfDate', 'OutOfDate'],
  [AZURE, '2025-06-19T12:00:00Z', undefined, 'OutOfDate', 'No matching TCB', 'SEPT_VE_DISABLE'],
  ['tdx-v5/phala-v5-outdated', '2026-02-18T11:00:00Z', 'tcb-level', undefined, 'No matching TCB', 'decode quote'],
  ['tdx-v5/automata-v5-servicetd', '2025-06-19T10:42:27Z', 'service-td', 'UpToDate', 'mr service td', 'decode quote'],
  ['sgx-v3/phala-sgx', '2025-06-19T11:56:11Z', 'form', undefined, 'SWHardeningNeeded', 'SWHardeningNeeded'],
  ['sgx-v3/solana-debug', '2025-06-19T11:56:11Z', 'form', undefined, 'Debug mode', 'Debug mode'],
]

describe.skipIf(!present)('a genuine quote', () => {
  it.each(VERDICTS)('%s at %s: what fails first is %s, the state %s', async (name, time, first, state) => {
    const { report, collateral } = read(name)
    const { reasons, tcb } = await verifyTdxQuote(report, collateral, seconds(time))
    expect(failureOf(reasons)?.id.slice(4)).toBe(first)
    expect(tcb?.status).toBe(state)
  })
  it('holds from when its collateral was issued until it expires', async () => {
    const { report, collateral } = read(phala)
    expect(await failure(report, collateral, seconds('2025-06-19T10:32:27Z'))).toBeUndefined()
    expect(await failure(report, collateral, seconds('2025-06-19T10:32:26Z'))).toBe('qe-identity')
    expect(await failure(report, collateral, seconds('2025-07-19T10:00:35Z'))).toBeUndefined()
    expect(await failure(report, collateral, seconds('2025-07-19T10:00:36Z'))).toBe('revocation')
    expect(await failure(report, read('tdx-v5/automata-v5-servicetd').collateral)).toBe('tcb-info')
  })
  it.each([
    [phala, AT, 'UpToDate', 'UpToDate'],
    [AZURE, AT, 'OutOfDate', 'OutOfDate, INTEL-SA-00960, INTEL-SA-00982, INTEL-SA-00986'],
  ] as const)('%s makes an enclave where its references list its state', async (name, at, state, told) => {
    const { report, collateral } = read(name)
    const { mrtd, rtmr0, rtmr1, rtmr2, rtmr3, reportData } = parseTdxQuote(report).report
    const hex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString('hex')}` as const
    const named = { kind: 'tdx', name: 'box', mrtd: hex(mrtd), rtmr: [rtmr0, rtmr1, rtmr2, rtmr3].map(hex) } as const
    for (const tcb of [state, 'SWHardeningNeeded'] as const) {
      const { appraise } = createTdxAppraiser({ v: 1, boots: [], tees: [{ ...named, tcb: [tcb] }] })
      const { reason, enclave } = await appraise({ kind: 'tdx', report, collateral }, reportData, at)
      expect(enclave).toBe(tcb === state)
      expect(failureOf([reason])?.found).toBe(enclave ? undefined : told)
    }
  })

  // Each bit but of the chains and of what Intel says: there another at every so many, as each is a new endorsement.
  it.each<[string, number, number, RegExp, number?]>([
    ['header', 0, 48, /^(form|quote-signature)$/],
    ['report', 48, 632, /^quote-signature$/],
    ['length', 632, 636, /^form$/],
    ['signature', 636, 700, /^quote-signature$/],
    ['attestation key', 700, 764, /^attestation-key$/],
    ['certification head', 764, 770, /^form$/],
    ['report of the Quoting Enclave', 770, 1154, /^qe-report$/],
    ['signature of that', 1154, 1218, /^qe-report$/],
    ['length of authentication data', 1218, 1220, /^form$/],
    ['authentication data', 1220, 1252, /^attestation-key$/],
    ['PCK chain head', 1252, 1258, /^form$/],
    ['PCK chain', 1258, 4935, /^pck-chain$/, 731],
    ['padding', 4936, 5006, /^form$/],
  ])(
    'with a flipped bit in its %s is refused, and the reason names it',
    async (_, from, to, ids, step = 1) => {
      const { report, collateral } = read(phala)
      await expectEachBit({ bytes: report, from, to, step }, (altered) => failure(altered, collateral), ids)
    },
    120_000,
  )
  it.each([
    ['root_ca_crl', /^revocation$/],
    ['pck_crl', /^revocation$/],
    ['tcb_info_issuer_chain', /^tcb-info$/],
    ['tcb_info', /^tcb-info$/],
    ['tcb_info_signature', /^tcb-info$/],
    ['qe_identity_issuer_chain', /^qe-identity$/],
    ['qe_identity', /^qe-identity$/],
    ['qe_identity_signature', /^qe-identity$/],
  ])('with a flipped bit in %s is refused, and the reason names it', async (name, ids) => {
    const { report, collateral } = read(phala)
    const said = JSON.parse(new TextDecoder().decode(collateral))
    const isHex = /crl|signature/.test(name)
    const bytes = new Uint8Array(Buffer.from(said[name], isHex ? 'hex' : 'latin1'))
    const idOf = (altered: Uint8Array) => {
      const text = Buffer.from(altered).toString(isHex ? 'hex' : 'latin1')
      return failure(report, utf8(JSON.stringify({ ...said, [name]: text })))
    }
    await expectEachBit({ bytes, step: Math.ceil(bytes.length / 4) + 1 }, idOf, ids)
  })
})

describe.skipIf(!present)('two outside verifiers', () => {
  initSync({ module: readFileSync(new URL(import.meta.resolve('@phala/dcap-qvl-web/dcap-qvl-web_bg.wasm'))) })
  const spoken = (verify: () => { status: string }) => {
    try {
      return verify().status
    } catch (error) {
      return String(error)
    }
  }
  it.each(VERDICTS)(
    'say of %s at %s what we say, but for what their makers left out',
    (name, time, _, __, js, wasm) => {
      const { report, collateral } = read(name)
      const said = JSON.parse(new TextDecoder().decode(collateral))
      expect(spoken(() => dcap.verify(report, said, seconds(time)))).toContain(js)
      expect(spoken(() => js_verify(report, said, BigInt(seconds(time))))).toContain(wasm)
    },
  )
  it('differ from each other on a list of the CA that somebody altered, which we refuse', async () => {
    const { report, collateral } = read(phala)
    const said = JSON.parse(new TextDecoder().decode(collateral))
    const altered = { ...said, pck_crl: said.pck_crl.replace(/..$/, '00') }
    expect(spoken(() => dcap.verify(report, altered, AT))).toBe('UpToDate')
    expect(spoken(() => js_verify(report, altered, BigInt(AT)))).not.toBe('UpToDate')
    expect(await failure(report, utf8(JSON.stringify(altered)))).toBe('revocation')
  })
})
