import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '..')
/** Their ids of reasons look like codes, and are none. */
const REASONS = ['trust/src/proof/verify.ts', 'trust/src/proof/check-facts.ts']
const ROOMS = new Set(
  'actors attest boot call cbor cli content cose daemon devnet entry event-log evidence grants host lattice ledger machine manifest policy proof provider provision receipts sdk serve tpm vote x509'.split(
    ' ',
  ),
)

function sources(): { file: string; text: string }[] {
  const files = execFileSync('git', ['ls-files', '*/src/**.ts', 'actors/*.ts'], { cwd: ROOT, encoding: 'utf8' })
  return files
    .split('\n')
    .filter((file) => file.endsWith('.ts') && !/\.(test|fixture|behavior|gen)\.ts$|\/testing\//.test(file))
    .map((file) => ({ file, text: readFileSync(resolve(ROOT, file), 'utf8') }))
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
  const used = product.filter(({ file }) => !REASONS.includes(file)).flatMap(({ text }) => codesIn(text))
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
