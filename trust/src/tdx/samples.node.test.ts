import { readFileSync } from 'node:fs'
import dcap from '@phala/dcap-qvl'
import { initSync, js_verify } from '@phala/dcap-qvl-web'
import { describe, expect, it } from 'vitest'
import { hasGenuine } from '../../genuine/samples.ts'
import { AZURE, PHALA as phala, readQuote as read, tdxParts } from '../../genuine/tdx.ts'
import { eachRegion, failureOf, takesNone } from '../appraise/altered.fixture.ts'
import { utf8 } from '../index.ts'
import { createTdxAppraiser, parseTdxQuote, verifyTdxQuote } from './index.ts'

const present = hasGenuine('tee', 'the tests on genuine TDX quotes')
const seconds = (time: string) => Date.parse(time) / 1000
const AT = seconds('2025-06-19T11:40:00Z')
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

  // A bit in many of the chains and of what Intel says, as each is a new endorsement: `npm run every-bit` flips them all, of all quotes.
  const parts = present ? tdxParts().filter(({ sample }) => sample === phala) : []
  it.each(eachRegion(parts))(
    'is refused where a bit of its %s, %s, is flipped, and the reason names it',
    takesNone,
    120_000,
  )
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
