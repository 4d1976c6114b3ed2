import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'

const LIMIT_BYTES = 25 * 1024

describe('the verifier', () => {
  it('is at most 25 KB, minified and compressed, with all that it needs in a browser', async () => {
    const entry = new URL('./index.ts', import.meta.url).pathname
    const { outputFiles } = await build({
      entryPoints: [entry],
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2024',
      write: false,
      logLevel: 'silent',
    })
    const code = outputFiles[0]!
    expect(gzipSync(code.contents, { level: 9 }).length).toBeLessThanOrEqual(LIMIT_BYTES)
    expect(code.text).not.toMatch(/from"node:|require\("node:/)
  })
})
