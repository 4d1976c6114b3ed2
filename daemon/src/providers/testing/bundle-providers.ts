import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** The provider process and the provider modules, each bundled into one file as the runtime image has them. */
export interface ProviderBundles extends AsyncDisposable {
  readonly directory: string
  readonly providerEntry: string
  readonly keyvalue: string
  readonly logging: string
}

/** Bundles them into a directory of their own. */
export async function bundleProviders(): Promise<ProviderBundles> {
  const directory = await mkdtemp(join(tmpdir(), 'teapot-providers-'))
  const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))
  await build({
    entryPoints: {
      provider: source('../child.ts'),
      keyvalue: source('../modules/keyvalue.ts'),
      logging: source('../modules/logging.ts'),
    },
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
  })
  const file = (name: string) => join(directory, `${name}.mjs`)
  return {
    directory,
    providerEntry: file('provider'),
    keyvalue: file('keyvalue'),
    logging: file('logging'),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}
