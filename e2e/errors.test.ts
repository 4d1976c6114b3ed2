import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '..')
/** Their ids of reasons look like codes, and are none. */
const REASONS = /^trust\/src\/proof\/(verify|check-\w+)\.ts$/
const ROOMS = new Set(
  'actors attest boot call cbor cli collect content cose daemon devnet entry event-log evidence grants host lattice ledger machine manifest nitro policy proof provider provision receipts reference-values sdk serve snp tdx tpm vote x509'.split(
    ' ',
  ),
)

function sources(): { file: string; text: string }[] {
  return listed('*/src/**.ts', 'actors/*.ts')
    .filter((file) => file.endsWith('.ts') && !/\.(test|fixture|behavior|gen)\.ts$|\/testing\//.test(file))
    .map((file) => ({ file, text: readFileSync(resolve(ROOT, file), 'utf8') }))
}

/** In regular expressions the slash is escaped. */
function testsIn(...patterns: string[]): string {
  const texts = listed(...patterns).map((file) => readFileSync(resolve(ROOT, file), 'utf8'))
  return texts.join('\n').replaceAll('\\/', '/')
}

/** With what is new and not ignored. */
function listed(...patterns: string[]): string[] {
  const options = ['ls-files', '-co', '--exclude-standard', '--deduplicate', '--', ...patterns]
  const files = execFileSync('git', options, { cwd: ROOT, encoding: 'utf8' }).trim().split('\n')
  return files.filter((file) => existsSync(resolve(ROOT, file)))
}

function codesIn(text: string): string[] {
  const found = [...text.matchAll(/'([a-z0-9-]+)\/([a-z0-9-]+)'/g)]
  return found.filter(([, room]) => ROOMS.has(room!)).map(([, room, name]) => `${room}/${name}`)
}

const catalogue = [...readFileSync(resolve(ROOT, 'spec/errors.md'), 'utf8').matchAll(/^\| `([^`]+)` \|/gm)].map(
  ([, code]) => code!,
)
const product = sources()

test('every code in the source stands in the catalogue', () => {
  const used = product.filter(({ file }) => !REASONS.test(file)).flatMap(({ text }) => codesIn(text))
  expect(used.length).toBeGreaterThan(100)
  expect([...new Set(used)].filter((code) => !catalogue.includes(code))).toEqual([])
})

test('every code in the catalogue is used by the source, and stands there once', () => {
  const all = product.map(({ text }) => text).join('\n')
  const used = new Set(codesIn(all))
  // The host puts some together: host/${failure}.
  const isUsed = (code: string) => used.has(code) || (code.startsWith('host/') && all.includes(`'${code.slice(5)}'`))
  expect(catalogue.filter((code) => !isUsed(code))).toEqual([])
  expect(catalogue).toHaveLength(new Set(catalogue).size)
})

/** What nobody can bring about from outside: whatever was not foreseen, and what only broken hardware does. */
const WITHOUT_VECTOR = ['boot/failed', 'cli/fault', 'daemon/failed', 'devnet/unexpected', 'tpm/unexpected-ak']

test('every code is brought about by a test', () => {
  const tests = testsIn('*.test.ts', '*.behavior.ts', 'e2e/sim/*', ':!e2e/errors.test.ts')
  const never = catalogue.filter((code) => !tests.includes(code))
  expect(never).toEqual(catalogue.filter((code) => WITHOUT_VECTOR.includes(code)))
})

/** Steps made of steps, and one that is at worst unchecked. */
const NEVER_FAIL = ['provisioned/held', 'provisioned/current', 'endorsement/activation']

test('every step of an appraisal is made to fail by a test', () => {
  const steps = product.filter(({ file }) => /^trust\/src\/(appraise|boot|tdx|snp|nitro|tee\.ts)/.test(file))
  const step = /'((?:identity|endorsement|quote|log|runtime|provisioned|platform|tee)\/[a-z-]+|freshness)'/g
  const ids = new Set(steps.flatMap(({ text }) => [...text.matchAll(step)].map(([, id]) => id!)))
  const tests = testsIn('trust/*.test.ts')
  expect(ids.size).toBeGreaterThan(30)
  // Where all steps have one prefix, tests leave it out.
  const isNamed = (id: string) => tests.includes(id.replace(/^(platform|tee)\//, ''))
  expect([...ids].filter((id) => !NEVER_FAIL.includes(id) && !isNamed(id))).toEqual([])
})
