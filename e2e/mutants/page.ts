import { mutantsOf } from './mutant.ts'

const PAGE = {
  tests: ['trust/page/page.test.ts'],
  title: 'the verify page, from a file, without a network',
  prepare: { script: 'trust/page/build.ts', writes: ['trust/page/verify.html'] },
}

/** What the page that verifies a dropped file must not leave out. */
export const PAGE_MUTANTS = [
  ...mutantsOf(
    'trust/page/page.ts',
    PAGE,
    ['the page compares with what the caller knows', 'await expectation(claims)', '{}'],
    [
      'the page lists what was not checked',
      "status === 'unchecked')\n  const once",
      "status === 'fail')\n  const once",
    ],
    ['no text of a file turns a line of the page', "typeof part === 'string' ? shown(part) : part", 'part'],
    ['the page does without no ledger that it was given', 'if (known && !ledger.facts)', 'if (false)'],
  ),
  ...mutantsOf('trust/page/build.ts', PAGE, ['the page may connect to nobody', "default-src 'none'", 'default-src *']),
]
