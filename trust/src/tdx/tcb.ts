import { type Hex, toHex } from '../bytes.ts'
import type { ChainProblem } from '../certificate-chain.ts'
import type { QeIdentity, TcbInfo } from './collateral.ts'
import type { Platform } from './pck.ts'
import { littleEndian, type TdxQuote } from './quote.ts'

/** A state in Intel's words, e.g. `UpToDate`, and Intel's security advisories that it comes from. */
export interface TdxTcb {
  status: string
  advisories: string[]
}

type Level = Pick<TcbInfo['tcbLevels'][number], 'tcbStatus' | 'advisoryIDs'>
type Module = TcbInfo['tdxModuleIdentities'][number]

const UP_TO_DATE: Level = { tcbStatus: 'UpToDate', advisoryIDs: [] }
/** What becomes of a platform's state when its TDX module or Quoting Enclave is out of date. */
const OUT_OF_DATE: Readonly<Record<string, string>> = {
  UpToDate: 'OutOfDate',
  SWHardeningNeeded: 'OutOfDate',
  ConfigurationNeeded: 'OutOfDateConfigurationNeeded',
  ConfigurationAndSWHardeningNeeded: 'OutOfDateConfigurationNeeded',
}

/** What keeps TCB info from being about this platform; undefined when nothing. */
export function tcbInfoProblem(platform: Platform, info: TcbInfo): ChainProblem | undefined {
  return firstDifference([
    ['FMSPC', toHex(info.fmspc), toHex(platform.fmspc)],
    ['PCEID', toHex(info.pceId), toHex(platform.pceId)],
  ])
}

/** What keeps an enclave from being Intel's Quoting Enclave for TDX; its version is judged by {@link tdxTcb}. */
export function qeProblem({ report }: TdxQuote['qe'], identity: QeIdentity): ChainProblem | undefined {
  return firstDifference([
    ['MRSIGNER', toHex(report.mrSigner), toHex(identity.mrsigner)],
    ['ISVPRODID', `${littleEndian(report.isvProdId)}`, `${identity.isvprodid}`],
    ['MISCSELECT', masked(report.miscSelect, identity.miscselectMask), toHex(identity.miscselect)],
    ['ATTRIBUTES', masked(report.attributes, identity.attributesMask), toHex(identity.attributes)],
  ])
}

/** What keeps the TDX module from being one that Intel signed; its version is judged by {@link tdxTcb}. */
export function moduleProblem({ report }: TdxQuote, info: TcbInfo): ChainProblem | undefined {
  const module = report.teeTcbSvn[1] === 0 ? info.tdxModule : moduleOf(report.teeTcbSvn, info)
  if (!module) return { expected: info.tdxModuleIdentities.map(({ id }) => id).join(), found: `${report.teeTcbSvn[1]}` }
  return firstDifference([
    ['MRSIGNERSEAM', toHex(report.mrSignerSeam), toHex(module.mrsigner)],
    ['SEAMATTRIBUTES', masked(report.seamAttributes, module.attributesMask), toHex(module.attributes)],
  ])
}

/**
 * The state of platform, TDX module and Quoting Enclave together (Intel PCS API v4, TDX TCB Info and TD QE Identity);
 * undefined when one of them is at no level that Intel lists. Where Intel advises to relaunch the domain, it is `OutOfDate`.
 */
export function tdxTcb(quote: TdxQuote, pck: Platform, info: TcbInfo, identity: QeIdentity): TdxTcb | undefined {
  const svn = quote.report.teeTcbSvn
  // From version 1 of the module on, its own levels judge the first two components (spec/tee.md §1.4).
  const from = svn[1] === 0 ? 0 : 2
  const platform = info.tcbLevels.find(
    ({ tcb }) =>
      tcb.sgxtcbcomponents.every((least, i) => pck.components[i]! >= least.svn) &&
      pck.pceSvn >= tcb.pcesvn &&
      tcb.tdxtcbcomponents.every((least, i) => i < from || svn[i]! >= least.svn),
  )
  const module = svn[1] === 0 ? UP_TO_DATE : levelAt(moduleOf(svn, info), svn[0]!)
  const qe = levelAt(identity, littleEndian(quote.qe.report.isvSvn))
  if (!platform || !module || !qe) return undefined
  const status = converge(converge(platform.tcbStatus, module.tcbStatus), qe.tcbStatus)
  return { status, advisories: [...new Set([platform, module, qe].flatMap(({ advisoryIDs }) => advisoryIDs))] }
}

/** A part has three states; another is no state that could be accepted. */
function converge(platform: string, part: string): string {
  if (part === 'UpToDate') return platform
  if (part === 'Revoked' || platform === 'Revoked') return 'Revoked'
  return part === 'OutOfDate' ? (OUT_OF_DATE[platform] ?? platform) : `unknown: ${part}`
}

function levelAt(of: Pick<Module, 'tcbLevels'> | undefined, svn: number): Level | undefined {
  return of?.tcbLevels.find(({ tcb }) => svn >= tcb.isvsvn)
}

function moduleOf(svn: Uint8Array, info: TcbInfo): Module | undefined {
  const wanted = `TDX_${toHex(svn.subarray(1, 2)).slice(2)}`
  return info.tdxModuleIdentities.find(({ id }) => id.toLowerCase() === wanted.toLowerCase())
}

function masked(value: Uint8Array, mask: Uint8Array): Hex {
  return toHex(value.map((byte, i) => byte & mask[i]!))
}

function firstDifference(parts: readonly [name: string, found: string, expected: string][]): ChainProblem | undefined {
  const other = parts.find(([, found, expected]) => found !== expected)
  return other && { expected: `${other[0]} ${other[2]}`, found: other[1] }
}
