import { readFileSync } from 'node:fs'
import dcap from '@phala/dcap-qvl'
import { initSync, js_verify } from '@phala/dcap-qvl-web'
import { describe, expect, it } from 'vitest'
import { hasGenuine } from '../../genuine/samples.ts'
import { AZURE, GOOGLE, PHALA as phala, readQuote as read, readMeasured, tdxParts } from '../../genuine/tdx.ts'
import { EACH_BIT_MS, eachRegion, failureOf, takesNone } from '../appraise/altered.fixture.ts'
import { utf8 } from '../index.ts'
import { parseTcbInfo } from './collateral.ts'
import { createTdxAppraiser, parseTdxQuote, verifyTdxQuote } from './index.ts'

const present = hasGenuine('tee', 'the tests on genuine TDX quotes')
const seconds = (time: string) => Date.parse(time) / 1000
const AT = seconds('2025-06-19T11:40:00Z')
const failure = async (report: Uint8Array, collateral: Uint8Array, at = AT) =>
  failureOf((await verifyTdxQuote(report, collateral, at)).reasons)?.id.slice(4)

/** What the READMEs of the samples say that two outside verifiers say, each at its time. */
const MEASURED = present ? readMeasured() : []
/** What we say at that time: what fails first, and the state. */
const OURS: Record<string, readonly [first: string | undefined, state: string | undefined]> = {
  [phala]: [undefined, 'UpToDate'],
  [GOOGLE]: [undefined, 'UpToDate'],
  'tdx-v5/phala-v5-outdated': ['tcb-level', undefined],
  'tdx-v5/automata-v5-servicetd': ['service-td', 'UpToDate'],
  'sgx-v3/phala-sgx': ['form', undefined],
  'sgx-v3/solana-debug': ['form', undefined],
}

describe.skipIf(!present)('a genuine quote', () => {
  it.each(MEASURED)('$name at $at is judged by its own', async ({ name, at }) => {
    const { report, collateral } = read(name)
    const { reasons, tcb } = await verifyTdxQuote(report, collateral, seconds(at))
    expect([failureOf(reasons)?.id.slice(4), tcb?.status]).toEqual(OURS[name])
  })
  it('of Google is UpToDate, as components 0 and 1 are left to the levels of the TDX module (spec/tee.md §1.4)', () => {
    const { report, collateral } = read(GOOGLE)
    const svn = parseTdxQuote(report).report.teeTcbSvn
    const { tcbLevels, tdxModuleIdentities } = parseTcbInfo(JSON.parse(new TextDecoder().decode(collateral)).tcb_info)
    const firstFrom = (from: number) =>
      tcbLevels.find(({ tcb }) => tcb.tdxtcbcomponents.every(({ svn: least }, i) => i < from || svn[i]! >= least))
    expect([...svn.subarray(0, 2)]).toEqual([4, 1])
    expect(tdxModuleIdentities.find(({ id }) => id === 'TDX_01')!.tcbLevels[0]).toMatchObject({
      ...{ tcb: { isvsvn: 4 }, tcbStatus: 'UpToDate' },
    })
    expect(firstFrom(2)!.tcbStatus).toBe('UpToDate')
    // The two verifiers compare these as well.
    expect(firstFrom(0)!.tcbStatus).toBe('OutOfDate')
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
    EACH_BIT_MS,
  )
})

describe.skipIf(!present)('two outside verifiers', () => {
  initSync({ module: readFileSync(new URL(import.meta.resolve('@phala/dcap-qvl-web/dcap-qvl-web_bg.wasm'))) })
  /** Status and advisories, or the status alone; where it refuses, its words. */
  const spoken = (verify: () => { status: string; advisory_ids: string[] }, isWhole = false) => {
    try {
      const { status, advisory_ids } = verify()
      return isWhole ? `${status} ${JSON.stringify(advisory_ids)}` : status
    } catch (error) {
      return `REJECT: ${error instanceof Error ? error.message : error}`
    }
  }
  const versionOf = (name: string) =>
    JSON.parse(readFileSync(new URL(`../../../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version
  it('are those of the versions that the READMEs name', () => {
    expect(MEASURED.map(({ name }) => name)).toEqual(Object.keys(OURS))
    for (const { js, wasm } of MEASURED) {
      expect([js[0], wasm[0]]).toEqual(['', '-web'].map((suffix) => versionOf(`@phala/dcap-qvl${suffix}`)))
    }
  })
  it.each(MEASURED)('say of $name at $at what its README says of them: $js, $wasm', ({ name, at, js, wasm }) => {
    const { report, collateral } = read(name)
    const said = JSON.parse(new TextDecoder().decode(collateral))
    expect(spoken(() => dcap.verify(report, said, seconds(at)), true)).toBe(js[1])
    expect(spoken(() => js_verify(report, said, BigInt(seconds(at))))).toBe(wasm[1])
  })
  it('refuse the quote of Azure, of which the READMEs tell no verdict of theirs', () => {
    const { report, collateral } = read(AZURE)
    const said = JSON.parse(new TextDecoder().decode(collateral))
    expect(spoken(() => dcap.verify(report, said, AT))).toContain('No matching TCB')
    expect(spoken(() => js_verify(report, said, BigInt(AT)))).toContain('SEPT_VE_DISABLE')
  })
  it('differ from each other on a list of the CA that somebody altered, which we refuse', async () => {
    const { report, collateral } = read(phala)
    const said = JSON.parse(new TextDecoder().decode(collateral))
    const altered = { ...said, pck_crl: said.pck_crl.replace(/..$/, '00') }
    expect(spoken(() => dcap.verify(report, altered, AT))).toBe('UpToDate')
    expect(spoken(() => js_verify(report, altered, BigInt(AT)))).not.toBe('UpToDate')
    expect(await failure(report, utf8(JSON.stringify(altered)))).toBe('revocation')
  })
})
