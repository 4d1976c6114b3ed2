import { execFileSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeBundle } from '@teapot-network/trust/encode'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type * as Sample from '../../../../trust/src/proof/sample-proof.fixture.ts'
import { replaceFile } from '../../input.ts'
import { teapotIn } from '../../teapot.fixture.ts'

const file = new URL('proof/sample-proof.fixture.ts', import.meta.resolve('@teapot-network/trust'))
const { makeSampleProof }: typeof Sample = await import(file.href)

let folder: string
let sample: Sample.SampleProof
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'teapot-proof-'))
  sample = await makeSampleProof()
})
afterAll(() => rmSync(folder, { recursive: true }))

async function teapot(proof: Uint8Array, ...argv: string[]) {
  writeFileSync(join(folder, 'a.proof'), proof)
  return teapotIn(folder, [...argv.slice(0, 2), 'a.proof', ...argv.slice(2)])
}

it('tells the standing of a proof beside the verdict', async () => {
  const fresh = await teapot(sample.bytes, 'proof', 'verify')
  expect(fresh).toMatchObject({
    code: 0,
    said: expect.stringMatching(/^warning: .*\nhello v1, \w+: ok, by node 0x\w{64}\nprovisional, not anchored$/),
  })
  const { bundle, anchor } = sample
  const raised = await teapot(
    encodeBundle({ ...bundle, anchor, confirmation: await sample.confirm() }),
    'proof',
    'verify',
  )
  expect(raised.said).toMatch(/\nconfirmed, anchored in epoch 8: no newer than block 70, [-0-9]{10}T[:0-9]{8}Z$/)
})

it('lets no text of a proof begin a line, or turn one', async () => {
  const operation = 'greet\naffirming: all holds\u202e\u001b[2K'
  const { bundle } = sample
  for (const proof of [
    await sample.issue({ operation }),
    encodeBundle({ ...bundle, facts: { ...bundle.facts, entries: [] } }),
    await sample.issue({ actor: { ...sample.claims.actor, name: operation } }),
  ]) {
    for (const argv of [[], ['--explain'], ['--actor', operation, '--operation', operation]]) {
      const { said } = await teapot(proof, 'proof', 'verify', ...argv)
      expect(said).not.toMatch(/^affirming|[^\P{C}\n]/mu)
    }
    expect((await teapot(proof, 'proof', 'show')).said).not.toMatch(/^affirming|[^\P{C}\n]/mu)
  }
})

it('shows all that a proof holds, and says what is none', async () => {
  const { code, said } = await teapot(sample.bytes, 'proof', 'show', '--json')
  expect([code, JSON.parse(said)]).toMatchObject([0, { claims: { actor: { name: 'hello' } }, evidence: { epoch: 7 } }])
  expect(await teapot(new Uint8Array(9), 'proof', 'show')).toMatchObject({ code: 1 })
})

it('compares with the ledger that a file holds, offline, and says what is wrong with the file', async () => {
  const ledger = async (known: unknown, ...more: string[]) => {
    writeFileSync(join(folder, 'ledger.json'), typeof known === 'string' ? known : JSON.stringify(known))
    return teapot(sample.bytes, 'proof', 'verify', '--ledger', 'ledger.json', ...more)
  }
  const { facts } = sample
  expect(await ledger({ facts, epochs: [] })).toMatchObject({ code: 0, out: expect.stringMatching(/^affirming: /) })
  const other = await ledger({ facts: { ...facts, chainId: 5 } })
  expect(other).toMatchObject({ code: 1, out: expect.stringMatching(/^none: Expected chain 5, .*found chain 31337/) })
  const block = null
  for (const known of ['a = 1', 'null', {}, { facts: { ...facts, block } }, { facts, epochs: [1] }, { facts: [] }])
    expect(await ledger(known)).toMatchObject({ code: 1, err: expect.stringContaining('cli/ledger-malformed') })
  expect(await ledger({ facts }, '--network', 'x')).toMatchObject({ code: 2 })
})

it('cannot upgrade without a network', async () => {
  const { code, said } = await teapot(sample.bytes, 'proof', 'upgrade')
  expect([code, said]).toEqual([3, expect.stringContaining('cli/no-network')])
})

it('writes into what is no file, such as /dev/stdout, instead of taking its place', async () => {
  execFileSync('mkfifo', [join(folder, 'pipe')])
  symlinkSync('pipe', join(folder, 'link-to-pipe'))
  for (const name of ['pipe', 'link-to-pipe']) {
    const read = readFile(join(folder, 'pipe'), 'utf8')
    await replaceFile(name, Buffer.from('through'), { cwd: folder })
    expect(await read).toBe('through')
  }
  expect(statSync(join(folder, 'pipe')).isFIFO()).toBe(true)
})

it('replaces what a link leads to, and not the link; what cannot be written leaves nothing behind', async () => {
  writeFileSync(join(folder, 'far'), 'old')
  symlinkSync('far', join(folder, 'link'))
  await replaceFile('link', Buffer.from('new'), { cwd: folder })
  expect(readFileSync(join(folder, 'far'), 'utf8')).toBe('new')
  expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true)
  mkdirSync(join(folder, 'kept'))
  await expect(replaceFile('kept', Buffer.from('new'), { cwd: folder })).rejects.toMatchObject({
    code: 'cli/cannot-write',
  })
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
})

it('puts a file in the place of another whole, and leaves nothing beside it', async () => {
  writeFileSync(join(folder, 'b'), 'old and longer')
  await replaceFile('b', Buffer.from('new'), { cwd: folder })
  expect(readFileSync(join(folder, 'b'), 'utf8')).toBe('new')
  expect(readdirSync(folder).filter((name) => name.startsWith('b'))).toEqual(['b'])
})
