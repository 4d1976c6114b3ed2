import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

interface Verdict {
  tier: string
  standing: { confirmed: boolean; anchored: boolean }
  failed: string[]
}

type Vector = Verdict & { file: string; ledger?: string; request?: unknown; response?: unknown }

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const SCRIPT = here('python/verify_proof.py')
const VECTORS = here('../spec/vectors/')
const { ledgers, vectors } = JSON.parse(readFileSync(`${VECTORS}vectors.json`, 'utf8')) as {
  ledgers: Record<string, unknown>
  vectors: Vector[]
}
/** Debian's packages belong to Debian's Python, which need not be the first on the path. */
const python = ['python3', '/usr/bin/python3'].find(
  (program) => spawnSync(program, ['-c', 'import cbor2, cryptography']).status === 0,
)
const lacks = python ? '' : ' (needs python3-cbor2 and python3-cryptography)'

function run(args: string[], input = ''): { status: number | null; verdicts: Verdict[] } {
  const { status, stdout, stderr } = spawnSync(python!, [SCRIPT, ...args], { input, encoding: 'utf8' })
  expect(stderr).toBe('')
  return {
    status,
    verdicts: stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  }
}

const job = ({ file, ledger, request, response }: Vector) =>
  JSON.stringify({ file: VECTORS + file, ...(ledger && { ledger: ledgers[ledger] }), request, response })

describe('a verifier in Python, written from the specification alone', () => {
  test.skipIf(lacks)(`finds of every vector the tier and standing that the vectors name${lacks}`, () => {
    const { verdicts } = run([], vectors.map(job).join('\n'))
    const brief = ({ tier, standing, failed }: Verdict, i: number) => [
      vectors[i]!.file,
      tier,
      standing,
      failed.length > 0,
    ]
    expect(verdicts.map(brief)).toEqual(vectors.map(brief))
    expect(vectors.filter(({ tier }) => tier === 'affirming').length).toBeGreaterThanOrEqual(3)
    expect(vectors.filter(({ tier }) => tier === 'none').length).toBeGreaterThanOrEqual(30)
  })
  test.skipIf(lacks)(`ends with 0 where all hold, and else with 1${lacks}`, () => {
    const files = ['plain.proof', 'standing.proof', 'child.proof'].map((name) => VECTORS + name)
    expect(run(files)).toMatchObject({ status: 0, verdicts: files.map(() => ({ tier: 'warning', failed: [] })) })
    const broken = run([...files, `${VECTORS}salt-wrong.proof`])
    expect(broken).toMatchObject({ status: 1, verdicts: { 3: { tier: 'none', failed: ['proof/signature'] } } })
  })
  test('is at most 300 lines, and needs nothing but Python, cbor2 and cryptography', () => {
    const lines = readFileSync(SCRIPT, 'utf8').trimEnd().split('\n')
    expect(lines.length).toBeLessThanOrEqual(300)
    const imports = lines.filter((line) => /^\s*(from|import) /.test(line)).map((line) => line.split(/[ .]/)[1])
    expect(lines).toContain('import hashlib, io, json, re, sys')
    expect([...new Set(imports)]).toEqual(['hashlib,', 'datetime', 'cbor2', 'cryptography'])
  })
})
