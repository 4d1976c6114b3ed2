import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { teapotIn } from '../../teapot.fixture.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'teapot-authoring-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const teapot = (...argv: string[]) => teapotIn(folder, argv)

test('An actor made from a template builds, and what was built tells its interface, size and hash', async () => {
  expect(await teapot('actor', 'new', 'hello', '--template', 'assemblyscript')).toMatchObject({
    code: 0,
    out: expect.stringContaining('teapot actor dev'),
  })
  expect(readFileSync(join(folder, 'hello', 'teapot.yaml'), 'utf8')).toMatch(/^name: hello$/m)
  expect((await teapot('app', 'check', 'hello/teapot.yaml')).code).toBe(0)
  const built = await teapot('actor', 'build', 'hello', '--json')
  expect(built.code).toBe(0)
  const { file, sha256, cid } = JSON.parse(built.out)
  const inspected = await teapot('actor', 'inspect', file, '--json')
  expect(JSON.parse(inspected.out)).toMatchObject({ abi: 'wapc', sha256, cid, sizeBytes: readFileSync(file).length })
  expect(JSON.parse(inspected.out).imports).toContain('wapc.__guest_request')
  expect((await teapot('actor', 'inspect', file)).out).toMatch(/claims {3}none/)
}, 300_000)

test('A directory that holds something, a name that no actor can have, and an unknown template are refused', async () => {
  writeFileSync(join(folder, 'there.txt'), 'x')
  expect((await teapot('actor', 'new', '.')).code).toBe(1)
  expect(await teapot('actor', 'new', 'Hello World')).toMatchObject({
    code: 1,
    err: expect.stringContaining('lower-case'),
  })
  expect(await teapot('actor', 'new', 'x', '--template', 'cobol')).toMatchObject({ code: 2 })
  expect(readdirSync(folder)).not.toContain('x')
})

test('What is no module, and a directory without source, are refused with what was expected', async () => {
  writeFileSync(join(folder, 'junk.wasm'), 'junk')
  writeFileSync(join(folder, 'junk-component.wasm'), Buffer.from('0061736d0d00010063', 'hex'))
  for (const file of ['junk.wasm', 'junk-component.wasm'])
    expect(await teapot('actor', 'inspect', file)).toMatchObject({ code: 1, err: expect.stringContaining('expected') })
  expect(await teapot('actor', 'build', '.')).toMatchObject({ code: 1, err: expect.stringContaining('index.ts') })
})
