import { isBuiltin } from 'node:module'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

test('the room bundles into one file of plain JavaScript: no native addon, nothing left to install', async () => {
  const { metafile, errors } = await build({
    entryPoints: [fileURLToPath(new URL('index.ts', import.meta.url))],
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    write: false,
    metafile: true,
    outfile: 'content.mjs',
    logLevel: 'silent',
  })
  expect(errors).toEqual([])
  const output = metafile.outputs[Object.keys(metafile.outputs)[0]!]!
  const used = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0)
  expect(used.filter(([path]) => /node-datachannel|webrtc|\.node$/.test(path))).toEqual([])
  expect(output.imports.filter(({ path, external }) => external && !isBuiltin(path))).toEqual([])
  expect(output.bytes).toBeLessThan(1_200_000)
}, 120_000)
