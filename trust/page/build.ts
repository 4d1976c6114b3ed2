// `node trust/page/build.ts` writes trust/page/verify.html: the page, its style and the whole verifier in one file that needs no other.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { build } from 'esbuild'

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')

/** The page as one file. Its policy names script and style by their digests, and allows nothing else: no connection, no form, no frame. */
export async function buildPage(): Promise<string> {
  const [script, style] = [await bundle('page.ts'), await bundle('page.css')]
  const policy = [
    "default-src 'none'",
    `script-src ${digest(script)}`,
    `style-src ${digest(style)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types',
  ].join('; ')
  const parts: Record<string, string> = { policy, style, script }
  return read('index.html').replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name]!)
}

/** Minified; without what would end the element that it stands in. */
async function bundle(name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [new URL(name, import.meta.url).pathname],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
    charset: 'utf8',
    write: false,
  })
  const text = outputFiles[0]!.text.trim()
  if (/<\/(script|style)|<!--/i.test(text)) throw new Error(`${name} holds what ends its element`)
  return text
}

function digest(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

if (import.meta.main) writeFileSync(new URL('verify.html', import.meta.url), await buildPage())
