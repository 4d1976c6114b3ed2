import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeBundle } from '@teapot-network/trust/encode'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type * as Sample from '../../../../trust/src/proof/sample-proof.fixture.ts'
import { replaceFile } from '../../input.ts'
import { run } from '../../run.ts'

const file = new URL('proof/sample-proof.fixture.ts', import.meta.resolve('@teapot-network/trust'))
const { makeSampleProof }: typeof Sample = await import(file.href)

let folder: string
let sample: Sample.SampleProof
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'teapot-proof-'))
  sample = await makeSampleProof()
})
afterAll(() => rmSync(folder, { recursive: true }))

const lines: string[] = []
const io = {
  ...{ out: (line: string) => void lines.push(line), err: (line: string) => void lines.push(line) },
  ...{ stdin: async () => new Uint8Array(0), signal: new AbortController().signal },
}

async function teapot(proof: Uint8Array, ...argv: string[]): Promise<{ code: number; said: string }> {
  writeFileSync(join(folder, 'a.proof'), proof)
  lines.length = 0
  const code = await run([...argv.slice(0, 2), 'a.proof', ...argv.slice(2)], { ...io, cwd: folder })
  return { code, said: lines.join('\n') }
}

it('tells the standing of a proof beside the verdict', async () => {
  const fresh = await teapot(sample.bytes, 'proof', 'verify')
  expect(fresh).toMatchObject({ code: 0, said: expect.stringMatching(/^warning: .*\nprovisional, not anchored$/) })
  const { bundle, anchor } = sample
  const raised = await teapot(
    encodeBundle({ ...bundle, anchor, confirmation: await sample.confirm() }),
    'proof',
    'verify',
  )
  expect(raised.said).toMatch(/\nconfirmed, anchored in epoch 8: no newer than block 70, [-0-9]{10}T[:0-9]{8}Z$/)
})

it('shows all that a proof holds, and says what is none', async () => {
  const { code, said } = await teapot(sample.bytes, 'proof', 'show', '--json')
  expect([code, JSON.parse(said)]).toMatchObject([0, { claims: { actor: { name: 'hello' } }, evidence: { epoch: 7 } }])
  expect(await teapot(new Uint8Array(9), 'proof', 'show')).toMatchObject({ code: 1 })
})

it('cannot upgrade without a network', async () => {
  const { code, said } = await teapot(sample.bytes, 'proof', 'upgrade')
  expect([code, said]).toEqual([3, expect.stringContaining('cli/no-network')])
})

it('puts a file in the place of another whole, and leaves nothing beside it', async () => {
  writeFileSync(join(folder, 'b'), 'old and longer')
  await replaceFile('b', Buffer.from('new'), { ...io, cwd: folder })
  expect(readFileSync(join(folder, 'b'), 'utf8')).toBe('new')
  expect(readdirSync(folder).filter((name) => name.startsWith('b'))).toEqual(['b'])
})
