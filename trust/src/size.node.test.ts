import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'

const LIMIT_BYTES = 25 * 1024
const FURTHER_LIMIT_BYTES = 30 * 1024
const ROOM = new URL('..', import.meta.url)
const subpaths: Record<string, string> = JSON.parse(readFileSync(new URL('package.json', ROOM), 'utf8')).exports

/** Size of these subpaths together, bundled for a browser, minified and compressed. */
async function sizeOf(...names: string[]): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: names.map((name) => `export * from '${subpaths[name]}'`).join('\n'), resolveDir: ROOM.pathname },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
    write: false,
    logLevel: 'silent',
  })
  const code = outputFiles[0]!
  expect(code.text).not.toMatch(/from"node:|require\("node:/)
  return gzipSync(code.contents, { level: 9 }).length
}

describe('the verifier', () => {
  it('is at most 25 KB, minified and compressed, with all that it needs in a browser', async () => {
    expect(await sizeOf('.')).toBeLessThanOrEqual(LIMIT_BYTES)
  })
  for (const further of ['./boot', './tdx', './sev-snp', './nitro']) {
    const exists = further in subpaths
    it.skipIf(!exists)(`takes at most 30 KB more with ${further}${exists ? '' : ' (needs that subpath)'}`, async () => {
      expect((await sizeOf('.', further)) - (await sizeOf('.'))).toBeLessThanOrEqual(FURTHER_LIMIT_BYTES)
    })
  }
})
