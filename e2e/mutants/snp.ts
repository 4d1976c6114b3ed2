import { mutantsOf } from './mutant.ts'

const SNP = { tests: ['trust/src/snp/snp.test.ts'] }
const NITRO = { tests: ['trust/src/nitro/nitro.test.ts'] }

/** What makes a report of SEV-SNP or Nitro one. */
export const TEE_SNP_NITRO = [
  ...mutantsOf(
    'trust/src/snp/appraise.ts',
    SNP,
    ['an SEV-SNP key is of the chip and firmware', 'found === expected, {', 'true, {'],
    ['an SEV-SNP guest cannot be debugged', 'policy & SNP_POLICY.debug ?', 'policy & 0 ?'],
    ['SEV-SNP firmware is not rolled back', 'isAtLeast(current, committed)', 'true'],
    ['an SEV-SNP release has its measurement', 'reference.measurement === measurement', 'true'],
    ['an SEV-SNP release has its minimum', 'isAtLeast(tcb, reference.minimumTcb)', 'true'],
    ['an SEV-SNP guest was launched by firmware as new', 'Math.min(reported[part], launch[part])', 'reported[part]'],
    ['an SEV-SNP guest asks at its privilege level', 'report.vmpl === reference.vmpl', 'true'],
    ["AMD's certificates end", 'const late = validityProblem(endorsement, at)', 'const late = undefined'],
  ),
  ...mutantsOf(
    'trust/src/snp/endorsement.ts',
    SNP,
    ["a list of revoked certificates is AMD's", 'await crlProblem(list, root.certificate)', 'undefined'],
    ['AMD revoked no intermediate', 'if (isRevoked(list, intermediate))', 'if (false)'],
  ),
  ...mutantsOf('trust/src/snp/report.ts', SNP, ['reserved bytes are zero', '(byte) => byte !== 0', '() => false']),
  ...mutantsOf(
    'trust/src/tee.ts',
    { tests: [...SNP.tests, ...NITRO.tests] },
    ['the endorsed key signed the report', "'tee/signature', title, holds, {", "'tee/signature', title, true, {"],
    ['the report binds the quote', 'equalBytes(found, expected), {', 'true, {'],
  ),
  ...mutantsOf(
    'trust/src/nitro/appraise.ts',
    NITRO,
    ["Nitro's root is AWS's", 'if (last !== root)', 'if (false)'],
    ['a Nitro leaf lived when it signed', 'validityProblem(key, document.timestamp / 1000)', 'undefined'],
    ['a Nitro document is of late', 'at <= made + NITRO_SPAN', 'true'],
    ['a Nitro enclave cannot be debugged', 'if (found.includes(ZERO))', 'if (false)'],
    ['a Nitro release has its PCRs', 'pcrsOf(reference).join() === found.join()', 'true'],
  ),
]
