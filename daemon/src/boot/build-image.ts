import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import {
  type ImageManifest,
  MANIFEST_FILE,
  type MeasuredImage,
  measureImage,
  placeNode,
  type Setting,
} from './image.ts'
import { inlineGenerator } from './inline-generator.ts'

/** Sources of the runtime image's files, from the root of the repository. */
export const IMAGE_ENTRIES: Readonly<Record<string, string>> = {
  'launcher.mjs': 'daemon/src/boot/launcher.ts',
  'daemon.mjs': 'daemon/src/main.ts',
  'sandbox.mjs': 'host/src/sandbox/main.ts',
  'provider.mjs': 'daemon/src/providers/child.ts',
  'transpiler.mjs': 'host/src/transpiler/main.ts',
}

/** The product's providers, which are no part of the image: source from the root, and the grants that each needs (spec/host.md §6). */
export const PROVIDER_ENTRIES: Readonly<Record<string, { source: string; grants: readonly string[] }>> = {
  blobstore: { source: 'daemon/src/providers/modules/blobstore.ts', grants: ['node:sqlite', 'content', 'actors'] },
  config: { source: 'daemon/src/providers/modules/config.ts', grants: [] },
  extras: { source: 'daemon/src/providers/modules/extras.ts', grants: ['node:sqlite'] },
  'http-client': { source: 'daemon/src/providers/modules/http-client.ts', grants: ['net'] },
  keyvalue: { source: 'daemon/src/providers/modules/keyvalue.ts', grants: ['node:sqlite'] },
  'keyvalue-redis': { source: 'daemon/src/providers/modules/keyvalue-redis.ts', grants: ['net', 'by-name'] },
  logging: { source: 'daemon/src/providers/modules/logging.ts', grants: [] },
  messaging: { source: 'daemon/src/providers/modules/messaging.ts', grants: ['actors'] },
}

/** Node's flags in every image: no debugger by signal, no native code, no prototypes by `__proto__`, no code from strings. */
export const IMAGE_FLAGS: readonly string[] = [
  '--disable-sigusr1',
  '--no-addons',
  '--disable-proto=throw',
  '--disallow-code-generation-from-strings',
]

const ROOT = resolve(import.meta.dirname, '../../..')

/** Bundled CommonJS asks for Node's own modules by `require`. */
const BANNER =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);"

/**
 * Builds a runtime image into a folder, which it makes or replaces: bundles, `image.json`, and the Node executable.
 * The same sources give the same bytes wherever they lie.
 * @returns its measurement, from which `referenceValue` follows
 */
export async function buildImage(options: {
  outDir: string
  /** File name to source path from `root`. */
  entries?: Readonly<Record<string, string>>
  flags?: readonly string[]
  settings?: Readonly<Record<string, Setting>>
  nodePath?: string
  root?: string
  /** No part of the image: other modules to bundle in the same pass, see {@link buildModules}. */
  besides?: Readonly<Record<string, string>>
}): Promise<MeasuredImage> {
  const { outDir, entries = IMAGE_ENTRIES, nodePath = process.execPath, root, besides } = options
  await rm(outDir, { recursive: true, force: true })
  await mkdir(outDir, { recursive: true })
  const names = Object.keys(entries).sort()
  const modules = Object.fromEntries(names.map((name) => [join(outDir, name), entries[name]!]))
  await Promise.all([placeNode(nodePath, outDir), buildModules({ ...modules, ...besides }, root)])
  const manifest: ImageManifest = {
    files: names,
    flags: [...(options.flags ?? IMAGE_FLAGS)],
    settings: { ...options.settings },
  }
  await writeFile(join(outDir, MANIFEST_FILE), `${JSON.stringify(manifest, undefined, 2)}\n`)
  return measureImage(outDir)
}

/** Bundles one source and all it imports into one file; also for provider modules, which are no part of the image. */
export async function buildModule(options: { source: string; outFile: string; root?: string }): Promise<void> {
  await buildModules({ [options.outFile]: options.source }, options.root)
}

/**
 * Bundles each source and all it imports into a file of its own. What several import is read once; each comes out as if built alone.
 * @param modules path of the file to write, ending in `.mjs`, to the source's path from `root`
 */
async function buildModules(modules: Readonly<Record<string, string>>, root = ROOT): Promise<void> {
  const from = resolve(root)
  await build({
    absWorkingDir: from,
    entryPoints: Object.entries(modules).map(([file, source]) => ({
      in: resolve(from, source),
      out: resolve(file).replace(/^\/|\.mjs$/g, ''),
    })),
    outdir: '/',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node26',
    format: 'esm',
    banner: { js: BANNER },
    charset: 'utf8',
    legalComments: 'none',
    minifySyntax: true,
    define: { 'process.env.NODE_ENV': '"production"' },
    loader: { '.wasm': 'binary' },
    plugins: [inlineGenerator(from)],
    logLevel: 'error',
  })
}
