import { readFileSync } from 'node:fs'
import { utf8 } from '../src/bytes.ts'
import { parseTdxQuote, verifyTdxQuote } from '../src/tdx/index.ts'
import { type Part, type Region, region, toldId, whole } from './parts.ts'
import { base64, pathOfGenuine, readGenuine, readGenuineJson } from './samples.ts'

/** A quote, and Intel's collateral of its day. */
export interface Shown {
  report: Uint8Array
  collateral: Uint8Array
}

export const AZURE = 'azure-vtpm/tdx-v1'
export const GOOGLE = 'tdx-v4/gcp-cos113'
export const PHALA = 'tdx-v4/phala-tdx'

/** Each genuine quote, and a time when its collateral held. */
export const QUOTES = {
  [PHALA]: '2025-06-19T11:40:00Z',
  [GOOGLE]: '2025-06-19T12:00:00Z',
  [AZURE]: '2025-06-19T12:00:00Z',
  'tdx-v5/phala-v5-outdated': '2026-02-18T11:00:00Z',
  'tdx-v5/automata-v5-servicetd': '2025-06-19T10:42:27Z',
} as const

/** What a README of the samples says of one quote: at which time two outside verifiers were run on it, and what each said then. */
export interface Measured {
  name: string
  at: string
  /** Version, and what was said. */
  js: readonly [version: string, said: string]
  wasm: readonly [version: string, said: string]
}

/** All that the READMEs say so, read from themselves. */
export function readMeasured(): Measured[] {
  return ['tdx-v4', 'tdx-v5', 'sgx-v3'].flatMap((folder) => {
    const paragraphs = readFileSync(pathOfGenuine(`tee/${folder}/README.txt`), 'utf8').split(/\n\n+/)
    return paragraphs.flatMap((paragraph) => {
      const name = /^(\S+)\.quote\.bin /.exec(paragraph)?.[1]
      if (name === undefined) return []
      const find = (line: RegExp) => line.exec(paragraph)!.slice(1) as [string, string]
      const [at] = find(/^ +verify at (\S+) /m)
      const js = find(/^ +expected @phala\/dcap-qvl (\S+) JS: (.+)$/m)
      const wasm = find(/^ +expected @phala\/dcap-qvl-web (\S+) wasm: (.+)$/m)
      return { name: `${folder}/${name}`, at, js, wasm }
    })
  })
}

export function readQuote(name: string): Shown {
  // Its platform is of the same kind.
  const collateral = readGenuine(`tee/${name === AZURE ? GOOGLE : name}.collateral.json`)
  const azure = () => base64(readGenuineJson(`tee/${name}.json`).td_quote)
  return { report: name === AZURE ? azure() : readGenuine(`tee/${name}.quote.bin`), collateral }
}

/** Every byte of the quotes, and of what is signed by Intel in their collateral. */
export function tdxParts(): Part[] {
  return Object.entries(QUOTES).flatMap(([name, time]) => {
    const { report, collateral } = readQuote(name)
    const idOf = async (shown: Shown) =>
      toldId((await verifyTdxQuote(shown.report, shown.collateral, Date.parse(time) / 1000)).reasons)
    const said = JSON.parse(new TextDecoder().decode(collateral))
    const quote: Part = {
      ...{ sample: name, part: 'quote', bytes: report, regions: quoteRegions(report) },
      idOf: (altered) => idOf({ report: altered, collateral }),
    }
    const fields = COLLATERAL.map(([field, ids]): Part => {
      // Lists and signatures are hex, in which two digits of different case are one.
      const encoding = /crl|signature/.test(field) ? 'hex' : 'latin1'
      const bytes = new Uint8Array(Buffer.from(said[field], encoding))
      const put = (altered: Uint8Array) =>
        utf8(JSON.stringify({ ...said, [field]: Buffer.from(altered).toString(encoding) }))
      const step = Math.ceil(bytes.length / 4) + 1
      return {
        ...{ sample: name, part: field, ...whole(ids, bytes, step, field) },
        idOf: (altered) => idOf({ report, collateral: put(altered) }),
      }
    })
    return name === AZURE ? [quote] : [quote, ...fields]
  })
}

const COLLATERAL: readonly [string, RegExp][] = [
  ['root_ca_crl', /^tee\/revocation$/],
  ['pck_crl', /^tee\/revocation$/],
  ['tcb_info_issuer_chain', /^tee\/tcb-info$/],
  ['tcb_info', /^tee\/tcb-info$/],
  ['tcb_info_signature', /^tee\/tcb-info$/],
  ['qe_identity_issuer_chain', /^tee\/qe-identity$/],
  ['qe_identity', /^tee\/qe-identity$/],
  ['qe_identity_signature', /^tee\/qe-identity$/],
]

/** As they follow each other (Intel TDX DCAP Quoting Library, §A.3 and §A.4). */
function quoteRegions(report: Uint8Array): Region[] {
  const { signed, qe, pckChain } = parseTdxQuote(report)
  const leaf = Buffer.from(pckChain).indexOf('-----BEGIN', 1)
  let at = 0
  const next = (name: string, length: number, ids: RegExp, step?: number) => {
    at += length
    return region(name, at - length, at, ids, step)
  }
  return [
    next('header', 48, /^tee\/(form|quote-signature)$/),
    next(
      'body',
      signed.length - 48,
      signed.length > 632 ? /^tee\/(form|quote-signature)$/ : /^tee\/quote-signature$/,
      9,
    ),
    next('length', 4, /^tee\/form$/),
    next('signature', 64, /^tee\/quote-signature$/),
    next('attestation key', 64, /^tee\/attestation-key$/),
    next('certification head', 6, /^tee\/form$/),
    next('report of the Quoting Enclave', 384, /^tee\/qe-report$/, 9),
    next('signature of that', 64, /^tee\/qe-report$/),
    next('length of authentication data', 2, /^tee\/form$/),
    next('authentication data', qe.authData.length, /^tee\/attestation-key$/),
    next('PCK chain head', 6, /^tee\/form$/),
    next('PCK', leaf, /^tee\/pck-chain$/, 731),
    { ...next('its issuers', pckChain.length - leaf, /^tee\/pck-chain$/, 731), like: 'issuers of a PCK' },
    next('padding', report.length - at, /^tee\/form$/),
  ].filter(({ spans }) => spans.some(([from, to]) => to > from))
}
