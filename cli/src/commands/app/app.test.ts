import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url))
const MANIFEST = `name: guestbook
actors:
  - name: guestbook
    bindings:
      - capability: wascc:keyvalue
        provider: \${STORE:keyvalue}
    limits: {fuel: 1000}
routes: [{path: /entries, actor: guestbook, methods: [GET]}]
`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'teapot-app-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function teapot(text: string, argv: string[], env = {}): Promise<{ code: number; out: string; err: string }> {
  writeFileSync(join(folder, 'teapot.yaml'), text)
  const options = { cwd: folder, env: { ...process.env, STORE: undefined, ...env } }
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, 'app', ...argv], options, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err })
    })
  })
}

describe('teapot app check', () => {
  it('shows what a manifest says, with references filled in', async () => {
    const { code, out } = await teapot(MANIFEST, ['check', 'teapot.yaml'], { STORE: 'redis' })
    expect(code).toBe(0)
    expect(out.split('\n')).toEqual([
      'app guestbook',
      '  actor guestbook from v1',
      '    default: wascc:keyvalue of redis',
      '    at most 1000 fuel',
      '  /apps/guestbook/entries GET → guestbook',
      '  on nodes with integrity none, confidentiality none, isolation process or more',
      '',
    ])
    const { out: json } = await teapot(MANIFEST, ['check', 'teapot.yaml', '--json'])
    expect(JSON.parse(json)).toMatchObject({ actors: [{ bindings: [{ provider: 'keyvalue' }] }] })
  })

  it('exits 1 and tells each problem with its line and column', async () => {
    const { code, err } = await teapot(`${MANIFEST}rutes: []\n`, ['check', 'teapot.yaml'])
    expect(code).toBe(1)
    expect(err).toContain('teapot.yaml:9:1 rutes: expected a known field, found rutes; did you mean routes?')
    expect(err).toContain('manifest/invalid')
  })
})

describe('teapot app publish', () => {
  it('asks no network to take what is wrong', async () => {
    expect(await teapot('name: a\n', ['publish', 'teapot.yaml'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('teapot.yaml:1:1 expected the field actors'),
    })
  })

  it('exits 3 without a network, having said what it takes out of the environment', async () => {
    const { code, err } = await teapot(MANIFEST, ['publish', 'teapot.yaml'], { STORE: 'redis' })
    expect([code, err]).toEqual([
      3,
      expect.stringMatching(/environment, and public from now on: STORE\n.*cli\/no-network/),
    ])
  })
})
