import { mutantsOf } from './mutant.ts'

const FORGED = { tests: ['trust/src/tdx/tdx.test.ts'] }

/** What a TDX quote must hold. */
export const TDX = [
  ...mutantsOf(
    'trust/src/crl.ts',
    { tests: ['trust/src/crl.test.ts'] },
    ['a revocation list is signed by its issuer', 'if (!(await signatureHolds(list, issuer.key)))', 'if (false)'],
    ['a revocation list has no critical extension', 'if (critical && derBoolean(critical))', 'if (false)'],
  ),
  ...mutantsOf(
    'trust/src/tdx/endorsement.ts',
    FORGED,
    ['a revoked PCK is refused', 'if (isRevoked(pckList, pck.leaf))', 'if (false)'],
    ["a revoked platform's CA is refused", 'if (isRevoked(rootList, pck.ca))', 'if (false)'],
    ['a revoked TCB signer is refused', 'if (isRevoked(rootList, signer))', 'if (false)'],
    ['TCB info is signed', 'if (!holds) return', 'if (false) return'],
    ['each certificate of Intel has its name', 'if (!isNamed)', 'if (false)'],
    ['what Intel signs is remembered by its signature', 'digests[`${name}_signature`], ', ''],
    ['what is signed under a root is remembered by its list', '[ofRoot, digests[name]', '[digests[name]'],
    ['a list is remembered by its own text', '[ofRoot, ofChain, ofCa]', '[ofRoot, ofChain]'],
  ),
  ...mutantsOf(
    'trust/src/tdx/verify.ts',
    FORGED,
    ['quote and Quoting Enclave are signed', 'key && (await verifyEs256(key, message, signature))', 'key'],
    ['the Quoting Enclave names the attestation key', 'difference(named, qe.report.reportData)', 'undefined'],
    [
      'Intel speaks at its time',
      'isProblem(part) ? part : validityProblem(part, at)',
      'isProblem(part) ? part : undefined',
    ],
    ['a revoked TDX platform is refused', "tcb !== undefined && tcb.status !== 'Revoked'", 'tcb !== undefined'],
    ['a TDX domain cannot be debugged', "step('tee/debug', isOwn ?", "step('tee/debug', true ?"],
    ['no service domain is bound', 'difference(new Uint8Array(mrServiceTd.length), mrServiceTd)', 'undefined'],
  ),
  ...mutantsOf(
    'trust/src/tdx/tcb.ts',
    FORGED,
    ['TCB info is for the platform', "['FMSPC', toHex(info.fmspc), toHex(platform.fmspc)],", ''],
    ["a TDX module's own levels judge it", 'svn[1] === 0 ? UP_TO_DATE :', 'true ? UP_TO_DATE :'],
    ["a TDX module's own levels alone judge it", 'const from = svn[1] === 0 ? 0 : 2', 'const from = 0'],
    ["a platform's levels judge a TDX module of version 0", 'const from = svn[1] === 0 ? 0 : 2', 'const from = 2'],
    [
      'a Quoting Enclave out of date counts',
      'converge(platform.tcbStatus, module.tcbStatus), qe.tcbStatus',
      "platform.tcbStatus, 'UpToDate'",
    ],
  ),
  ...mutantsOf(
    'trust/src/tdx/appraise.ts',
    FORGED,
    ['the reference lists the state of a TDX platform', 'accepted.has(status)', 'true'],
    ['a TDX release has all its measurements', 'return wanted === found ? []', 'return true ? []'],
  ),
  ...mutantsOf('trust/src/reference-values.ts', { tests: ['trust/src/reference-values.test.ts'] }, [
    'no RTMR of a TDX release is left open',
    'rtmr: four(hex(48)),',
    'rtmr: four(orNull(hex(48)) as Codec<Hex>),',
  ]),
]
