import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { failureOf } from '../appraise/altered.fixture.ts'
import { fromHex, parseCertificate, TeapotError, toHex, utf8 } from '../index.ts'
import { TDX_TCB, type TdxReference } from '../reference-values.ts'
import { tdxAppraiser } from './appraise.ts'
import { parseCollateral, parseQeIdentity, parseTcbInfo } from './collateral.ts'
import { FORGED_AT, type Forgery, forge, KEYS, type Name, platformLevel, states } from './forge.fixture.ts'
import { parsePemChain, parsePlatform } from './pck.ts'
import { parseTdxQuote } from './quote.ts'
import { createTdxVerifier } from './verify.ts'

const good = await forge()
const verifyForged = async (plan: Forgery, at = FORGED_AT) => {
  const { report, collateral, root } = await forge(plan)
  return createTdxVerifier(parseCertificate(root))(report, collateral, at)
}
const failed = async (plan: Forgery, at?: number) => {
  const { reasons } = await verifyForged(plan, at)
  return reasons.filter(({ status }) => status === 'fail').map(({ id }) => id.slice(4))
}
const days = (count: number) => FORGED_AT + count * 86_400
const certificate = (name: Name, change: object): Forgery => ({ certificates: { [name]: change } })
const list = (name: 'root' | 'ca', change: object): Forgery => ({ lists: { [name]: change } })

/** Components 0 and 1 of the platform's level ask for a module that is newer than the quote's 5. */
const MODULE_OF_6 = { tcbLevels: [platformLevel('UpToDate', 5, [6, 1, ...Array(14).fill(5)])] }

/** The processor CA takes the platform CA's place. */
const NAME = 'Intel SGX PCK Processor CA'
const PROCESSOR = { certificates: { ca: { subject: NAME }, pck: { issuer: NAME } }, lists: { ca: { issuer: NAME } } }

describe('a TDX quote', () => {
  it.each<[string, Forgery]>([
    ['of version 4', {}],
    ['of version 5 with a report of TDX 1.5', { version: 5 }],
    ['of version 5 with a report of TDX 1.0', { version: 5, bodyType: 2 }],
    ['of a domain with all attributes of its own', { body: { 123: 'd8', 127: '80' } }],
    ['under the processor CA', PROCESSOR],
    ['of a TDX module of version 0, which the levels of the platform judge', { body: { 0: '0500' } }],
    ['of a TDX module of version 1, which its own levels judge', { tcbInfo: MODULE_OF_6 }],
    ['with signed texts that say more than we read', { tcbInfo: { more: 1 }, identity: { more: {} } }],
  ])('%s holds', async (_, plan) => {
    const { reasons, tcb } = await verifyForged(plan)
    expect(failureOf(reasons)).toBeUndefined()
    expect(reasons.every(({ status }) => status === 'pass')).toBe(true)
    expect(tcb?.status).toBe('UpToDate')
  })

  it('is judged by all that it shows, whatever was remembered of the same before', async () => {
    const verify = createTdxVerifier(parseCertificate(good.root))
    const said = JSON.parse(new TextDecoder().decode(good.collateral))
    const failing = async (change: object, report = good.report) => {
      const { reasons } = await verify(report, utf8(JSON.stringify({ ...said, ...change })), FORGED_AT)
      return reasons.filter(({ status }) => status === 'fail').map(({ id }) => id.slice(4))
    }
    expect(await failing({})).toEqual([])
    for (const field of ['tcb_info', 'tcb_info_signature', 'tcb_info_issuer_chain']) {
      expect(await failing({ [field]: `${said[field]}0` })).toEqual(['tcb-info'])
    }
    for (const field of ['qe_identity', 'qe_identity_signature', 'qe_identity_issuer_chain']) {
      expect(await failing({ [field]: `${said[field]}0` })).toEqual(['qe-identity'])
    }
    expect(await failing({ pck_crl: `${said.pck_crl}0` })).toEqual(['revocation'])
    expect(await failing({ root_ca_crl: `${said.root_ca_crl}0` })).toEqual(['revocation', 'tcb-info', 'qe-identity'])
    const { byteOffset } = parseTdxQuote(good.report).pckChain
    const at = byteOffset - good.report.byteOffset + 100
    expect(await failing({}, good.report.with(at, 0))).toEqual(expect.arrayContaining(['pck-chain', 'revocation']))
    expect(await failing({})).toEqual([])
  })

  it.each<[string, Forgery, string[]]>([
    ['of version 3', { header: { 0: '03' } }, ['form']],
    ['of an SGX enclave', { header: { 4: '00' } }, ['form']],
    ['signed with P-384', { header: { 2: '03' } }, ['form']],
    ["of another maker's Quoting Enclave", { header: { 12: '00' } }, ['form']],
    ["with an enclave's body", { version: 5, bodyType: 1 }, ['form']],
    ['of a domain that can be debugged', { body: { 120: '01' } }, ['debug']],
    ['of a domain with a reserved bit among those for debugging', { body: { 120: '80' } }, ['debug']],
    ['of a domain that can be migrated', { body: { 123: '30' } }, ['debug']],
    ['of a domain with an attribute that we do not know', { body: { 127: '40' } }, ['debug']],
    ['with a service domain', { version: 5, body: { 647: '01' } }, ['service-td']],
    ['whose attestation key the Quoting Enclave does not name', { qe: { 320: '00'.repeat(32) } }, ['attestation-key']],
    ['with more in the report data of the Quoting Enclave', { qe: { 383: '01' } }, ['attestation-key']],
    ['of a Quoting Enclave that another signed', { qe: { 128: '00' } }, ['qe-identity']],
    ['of another product', { qe: { 256: '0201' } }, ['qe-identity']],
    ['of a Quoting Enclave with features', { qe: { 16: '01' } }, ['qe-identity']],
    ['of a Quoting Enclave that can be debugged', { qe: { 48: '17' } }, ['qe-identity']],
    ['of a Quoting Enclave older than all', { qe: { 258: '0400' } }, ['tcb-level']],
    ['of a TDX module that another signed', { body: { 64: '01' } }, ['tdx-module']],
    ['of a TDX module with attributes', { body: { 112: '01' } }, ['tdx-module']],
    ['of a TDX module of an unknown version', { body: { 1: '02' } }, ['tdx-module', 'tcb-level']],
    ['of a TDX module older than all', { body: { 0: '04' } }, ['tcb-level']],
    ['of a module of version 0 older than all', { body: { 0: '0400' } }, ['tcb-level']],
    [
      'of a module of version 0 older than the platform asks',
      { body: { 0: '0500' }, tcbInfo: MODULE_OF_6 },
      ['tcb-level'],
    ],
    ['of a processor with an older TDX part', { body: { 2: '04' } }, ['tcb-level']],
    [
      'of a processor with an older SGX part',
      { tcbInfo: { tcbLevels: [platformLevel('UpToDate', 6)] } },
      ['tcb-level'],
    ],
    ['of an older PCE', { tcbInfo: { tcbLevels: [platformLevel('UpToDate', 5, undefined, 6)] } }, ['tcb-level']],
    ['of a platform without levels', { tcbInfo: { tcbLevels: [] } }, ['tcb-level']],
    ['of a revoked platform', states('Revoked'), ['tcb-level']],
    ['of a revoked TDX module', states('OutOfDate', 'Revoked'), ['tcb-level']],
    ['of a revoked Quoting Enclave', states('UpToDate', 'UpToDate', 'Revoked'), ['tcb-level']],
  ])('%s is refused', async (_, plan, ids) => {
    expect(await failed(plan)).toEqual(ids)
  })
  it.each([
    ['header', 30, 'quote-signature'],
    ['report', 600, 'quote-signature'],
    ['signature', 640, 'quote-signature'],
    ['attestation key', 720, 'attestation-key'],
    ['report of the Quoting Enclave', 800, 'qe-report'],
    ['signature of that', 1160, 'qe-report'],
    ['authentication data', 1221, 'attestation-key'],
    ['PCK chain', 1500, 'pck-chain'],
  ])('altered in its %s is refused, and the first reason names it', async (_, at, id) => {
    const report = good.report.with(at, good.report[at]! ^ 1)
    const { reasons } = await createTdxVerifier(parseCertificate(good.root))(report, good.collateral, FORGED_AT)
    expect(failureOf(reasons)?.id).toBe(`tee/${id}`)
  })
})

describe('what Intel says of a platform', () => {
  const CHAIN = ['pck-chain', 'revocation', 'qe-report']
  const SAID = ['tcb-info', 'qe-identity']
  it.each<[string, Forgery, string[], number?]>([
    ['a CA that is none', certificate('ca', { ca: false, keyUsage: '0106' }), CHAIN],
    ['a CA that may not sign certificates', certificate('ca', { keyUsage: '0102' }), CHAIN],
    ['a root for no CA beneath a CA', certificate('root', { pathLength: 0 }), CHAIN],
    ['a CA of another name', certificate('ca', { subject: 'Intel SGX TCB Signing' }), CHAIN],
    ['a CA signed by another', certificate('ca', { signer: KEYS.ca }), CHAIN],
    ['a platform key signed by another', certificate('pck', { signer: KEYS.root }), CHAIN],
    ['a platform key that is a CA', certificate('pck', { ca: true }), CHAIN],
    ['a platform key that says nothing of its platform', certificate('pck', { extensions: [] }), CHAIN],
    ['a CA that expired', certificate('ca', { notAfter: '20250601000000Z' }), ['pck-chain']],
    ['a platform key not yet valid', certificate('pck', { notBefore: '20250701000000Z' }), ['pck-chain']],
    ['an empty list of the root', list('root', new Uint8Array()), ['revocation', ...SAID]],
    ['an empty list of the CA', list('ca', new Uint8Array()), ['revocation']],
    ['garbage for a list', list('ca', utf8('garbage')), ['revocation']],
    ["another CA's list", list('ca', { issuer: 'Intel SGX Root CA', signer: KEYS.root }), ['revocation']],
    ['a list signed by another', list('ca', { signer: KEYS.pck }), ['revocation']],
    ["a root's list signed by another", list('root', { signer: KEYS.ca }), ['revocation', ...SAID]],
    ['a CA that may not sign lists', certificate('ca', { keyUsage: '0204' }), ['revocation']],
    ['a list that expired', list('ca', { nextUpdate: '20250619115959Z' }), ['revocation']],
    ['a list of the future', list('root', { thisUpdate: '20250620000000Z' }), ['revocation']],
    ['a revoked CA', list('root', { revoked: [2] }), ['revocation']],
    ['a revoked platform key', list('ca', { revoked: [9, 4] }), ['revocation']],
    ['a revoked signer', list('root', { revoked: [3] }), SAID],
    ["texts signed by a platform's key", { signedBy: 'pck', signedUnder: ['pck', 'ca', 'root'] }, SAID],
    ["texts signed under a platform's key", { ...signer('pck'), signedUnder: ['signer', 'pck', 'ca', 'root'] }, SAID],
    ["texts signed under a platform's CA", { ...signer('ca'), signedUnder: ['signer', 'ca', 'root'] }, SAID],
    ['texts signed by the root itself', { signedBy: 'root', signedUnder: ['root'] }, SAID],
    ['texts signed by another than their chain says', { signedBy: 'pck' }, SAID],
    ['a signer of another name', certificate('signer', { subject: 'Intel SGX PCK Certificate' }), SAID],
    ['a chain without its root', { signedUnder: ['signer'] }, SAID],
    ['a signer that expired', certificate('signer', { notAfter: '20250601000000Z' }), SAID],
    ['texts that expired', {}, SAID, days(20)],
    ['texts of the future', {}, SAID, days(-20)],
    ['TCB info of SGX', { tcbInfo: { id: 'SGX' } }, ['tcb-info']],
    ['TCB info of version 2', { tcbInfo: { version: 2 } }, ['tcb-info']],
    ['TCB info of another platform', { tcbInfo: { fmspc: '90C06F000000' } }, ['tcb-info', 'tcb-level']],
    ['TCB info of another PCE', { tcbInfo: { pceId: '0100' } }, ['tcb-info', 'tcb-level']],
    ["SGX's Quoting Enclave", { identity: { id: 'QE' } }, ['qe-identity']],
    ['an identity of version 1', { identity: { version: 1 } }, ['qe-identity']],
    ['a time without a zone', { identity: { nextUpdate: '2025-07-01T00:00:00' } }, ['qe-identity']],
    ['components left out', { tcbInfo: { tcbLevels: [{ ...platformLevel('UpToDate'), tcb: {} }] } }, ['tcb-info']],
  ])('is refused with %s', async (_, plan, ids, at) => {
    expect(await failed(plan, at)).toEqual(ids)
  })

  it.each<[string, string, string, string, string[]?]>([
    ['UpToDate', 'UpToDate', 'UpToDate', 'UpToDate', ['PLATFORM', 'MODULE', 'QE']],
    ['SWHardeningNeeded', 'OutOfDate', 'UpToDate', 'OutOfDate'],
    ['ConfigurationNeeded', 'UpToDate', 'OutOfDate', 'OutOfDateConfigurationNeeded'],
    ['ConfigurationAndSWHardeningNeeded', 'OutOfDate', 'OutOfDate', 'OutOfDateConfigurationNeeded'],
    ['ConfigurationNeeded', 'UpToDate', 'UpToDate', 'ConfigurationNeeded'],
    ['OutOfDate', 'OutOfDate', 'OutOfDate', 'OutOfDate'],
    ['Revoked', 'OutOfDate', 'UpToDate', 'Revoked'],
    ['UpToDate', 'SWHardeningNeeded', 'UpToDate', 'unknown: SWHardeningNeeded'],
    ['Splendid', 'OutOfDate', 'OutOfDate', 'Splendid'],
  ])('makes of a platform %s, a module %s and a Quoting Enclave %s: %s', async (platform, module, qe, all, from) => {
    const { tcb } = await verifyForged(states(platform, module, qe))
    expect(tcb?.status).toBe(all)
    if (from) expect(tcb?.advisories).toEqual(from)
  })
  it('is judged anew at each time, though remembered', async () => {
    const verify = createTdxVerifier(parseCertificate(good.root))
    for (const at of [FORGED_AT, days(20), FORGED_AT]) {
      const { reasons } = await verify(good.report, good.collateral, at)
      expect(failureOf(reasons)?.id).toBe(at === FORGED_AT ? undefined : 'tee/tcb-info')
    }
  })
})

describe('the appraisal of a domain', () => {
  const reportData = new Uint8Array(64)
  const reference: TdxReference = {
    ...{ kind: 'tdx', name: 'box 1', mrtd: `0x${'aa'.repeat(48)}`, tcb: ['UpToDate'] },
    rtmr: Array(4).fill(`0x${'00'.repeat(48)}`),
  }
  const appraise = async (plan: Forgery, tees: TdxReference[], said = reportData) => {
    const { report, collateral, root } = await forge(plan)
    const appraiser = tdxAppraiser({ v: 1, boots: [], tees }, createTdxVerifier(parseCertificate(root)))
    const { reason, enclave } = await appraiser.appraise({ kind: 'tdx', report, collateral }, said, FORGED_AT)
    const failure = failureOf([reason])
    return { id: failure?.id, found: failure?.found, enclave, isPass: reason.status === 'pass' }
  }
  it('passes when measurements and state are those of a reference', async () => {
    const other = { ...reference, name: 'box 0', rtmr: reference.rtmr.map(() => `0x${'11'.repeat(48)}` as const) }
    expect(await appraise({}, [other, reference])).toMatchObject({ enclave: true, isPass: true })
    expect(await appraise({ version: 5 }, [reference])).toMatchObject({ enclave: true })
  })
  it.each<[string, Forgery, TdxReference[], string]>([
    ['nothing is named', {}, [], 'tee/measurement'],
    ['another MRTD', { body: { 136: 'ab' } }, [reference], 'tee/measurement'],
    ...[328, 376, 424, 472].map((at, i): [string, Forgery, TdxReference[], string] => {
      return [`another RTMR ${i}`, { body: { [at]: 'ab' } }, [reference], 'tee/measurement']
    }),
    ['configuration by the host', { body: { 184: 'ab' } }, [reference], 'tee/measurement'],
    ['an owner that the host names', { body: { 280: 'ab' } }, [reference], 'tee/measurement'],
    ['a state that the reference does not list', states('OutOfDate'), [reference], 'tee/tcb-status'],
    ['a revoked platform, whatever is listed', states('Revoked'), [{ ...reference, tcb: TDX_TCB }], 'tee/tcb-level'],
    ['a state nobody knows', states('Splendid'), [{ ...reference, tcb: TDX_TCB }], 'tee/tcb-status'],
  ])('fails with %s', async (_, plan, references, id) => {
    expect(await appraise(plan, references)).toMatchObject({ id, enclave: false })
  })
  it('accepts what is out of date where the reference says so, and tells the advisories where not', async () => {
    const lax = { ...reference, tcb: ['OutOfDate' as const] }
    expect(await appraise(states('OutOfDate'), [lax])).toMatchObject({ enclave: true })
    expect(await appraise({}, [lax])).toMatchObject({ id: 'tee/tcb-status', enclave: false })
    expect(await appraise(states('OutOfDate'), [reference])).toMatchObject({ found: 'OutOfDate, PLATFORM, MODULE, QE' })
  })
  it('fails for other report data, for no quote and for no collateral, and throws nothing', async () => {
    expect(await appraise({}, [reference], reportData.with(0, 1))).toMatchObject({ id: 'tee/report-data' })
    const verify = createTdxVerifier(parseCertificate(good.root))
    const appraiser = tdxAppraiser({ v: 1, boots: [], tees: [reference] }, verify)
    const parts = fc.constantFrom(good.report, good.collateral, new Uint8Array(), utf8('{}'), utf8('[null]'))
    const part = fc.oneof(parts, fc.uint8Array())
    const property = fc.asyncProperty(part, part, async (report, collateral) => {
      const { enclave } = await appraiser.appraise({ kind: 'tdx', report, collateral }, reportData, FORGED_AT)
      expect(enclave).toBe(report === good.report && collateral === good.collateral)
    })
    await fc.assert(property)
  })
})

describe('the parts of a quote', () => {
  it('may be followed by zeros, and by nothing else', () => {
    expect(parseTdxQuote(Uint8Array.of(...good.report, 0, 0)).version).toBe(4)
    expect(() => parseTdxQuote(Uint8Array.of(...good.report, 0, 1))).toThrow(TeapotError)
    for (let length = 0; length < good.report.length; length++) {
      expect(() => parseTdxQuote(good.report.subarray(0, length))).toThrow(TeapotError)
    }
  })
  const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0))
  const said = parseCollateral(new TextDecoder().decode(good.collateral))
  const codes = ['tdx/malformed', 'x509/malformed']
  it.each<[string, (text: string) => unknown, string]>([
    ['the quote', (text) => parseTdxQuote(latin1(text)), String.fromCharCode(...good.report)],
    ['collateral', parseCollateral, new TextDecoder().decode(good.collateral)],
    ['TCB info', parseTcbInfo, said.tcb_info],
    ['QE identity', parseQeIdentity, said.qe_identity],
    ['PEM', parsePemChain, said.tcb_info_issuer_chain],
  ])('of %s: its parser throws nothing but its own errors', (_, parse, text) => {
    const json = fc.json({ maxDepth: 3 })
    const altered = fc
      .tuple(fc.nat(text.length), fc.string({ maxLength: 3 }))
      .map(([at, by]) => text.slice(0, at) + by + text.slice(at + 1))
    const swapped = fc.tuple(json, fc.nat(40)).map(([value, nth]) => {
      let i = 0
      return text.replaceAll(/(?<=":)("[^"]*"|\d+|\[\])/g, (old) => (i++ === nth ? value : old))
    })
    fc.assert(
      fc.property(fc.oneof(json, altered, swapped), (input) => {
        try {
          parse(input)
        } catch (error) {
          expect(codes).toContain((error as TeapotError).code)
        }
      }),
      { numRuns: 500 },
    )
  })
  it.each([
    ['a component left out', '02010201', '02010203'],
    ['a negative version', '0b2a864886f84d010d01020102', '0b2a864886f84d010d0102010a'],
    ['another length of FMSPC', '0406b0c06f000000', '0405b0c06f000000'],
  ])('of the platform: %s is refused', (_, from, to) => {
    const { extensions, ...pck } = parsePemChain(new TextDecoder().decode(parseTdxQuote(good.report).pckChain))[0]!
    const [[oid, value]] = [...extensions].filter(([oid]) => oid.startsWith('1.2.840.113741')) as [[string, Uint8Array]]
    const hex = toHex(value)
    expect(hex).toContain(from)
    const changed = new Map([...extensions, [oid, fromHex(hex.replace(from, to))]])
    expect(() => parsePlatform({ ...pck, extensions: changed })).toThrow(TeapotError)
  })
})

function signer(issuer: 'pck' | 'ca'): Forgery {
  const subject = { pck: 'Intel SGX PCK Certificate', ca: 'Intel SGX PCK Platform CA' }[issuer]
  return certificate('signer', { issuer: subject, signer: KEYS[issuer] })
}
