import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import asc from 'assemblyscript/asc'

/** An actor's source that did not compile; the message holds the compiler's diagnostics. */
export class ActorBuildError extends Error {
  override readonly name = 'ActorBuildError'
  readonly code = 'actors/does-not-compile'
}

const OPTIONS = [
  ...['--outFile', 'actor.wasm', '--optimizeLevel', '3', '--shrinkLevel', '1'],
  ...['--runtime', 'incremental', '--use', 'abort=assembly/index/abort', '--noColors'],
]

/**
 * Compiles an actor written in AssemblyScript; the same source gives the same bytes, wherever it lies.
 * @param directory holds `assembly/index.ts`; it may import from `lib` beside it and from `@wapc/as-guest`
 * @param options.cacheDirectory where compiled actors are kept by the digest of source, compiler and options; without it nothing is kept
 * @throws ActorBuildError when the source does not compile
 */
export async function buildActor(directory: string, options: { cacheDirectory?: string } = {}): Promise<Uint8Array> {
  if (options.cacheDirectory === undefined) return compile(directory)
  const cached = join(options.cacheDirectory, `${await digestOfSource(directory)}.wasm`)
  const found = await readFile(cached).catch(() => undefined)
  if (found !== undefined) return new Uint8Array(found)
  const wasm = await compile(directory)
  await mkdir(options.cacheDirectory, { recursive: true })
  const partial = `${cached}.${process.pid}`
  await writeFile(partial, wasm)
  await rename(partial, cached)
  return wasm
}

async function compile(directory: string): Promise<Uint8Array> {
  let wasm: Uint8Array | undefined
  const { error, stderr } = await asc.main(['assembly/index.ts', ...OPTIONS, '--baseDir', directory], {
    stderr: asc.createMemoryStream(),
    writeFile: (_name, contents) => {
      if (typeof contents !== 'string') wasm = contents
    },
  })
  if (error !== null || wasm === undefined)
    throw new ActorBuildError(`Cannot compile ${directory}: ${stderr.toString()}`, { cause: error })
  return new Uint8Array(wasm)
}

/** SHA-256 (hex) over all that the result depends on. */
async function digestOfSource(directory: string): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(OPTIONS))
  const require = createRequire(import.meta.url)
  for (const dependency of ['assemblyscript', '@wapc/as-guest']) {
    const manifest = JSON.parse(await readFile(require.resolve(`${dependency}/package.json`), 'utf8')) as {
      version: string
    }
    hash.update(`${dependency}@${manifest.version}\n`)
  }
  for (const folder of [join(directory, 'assembly'), join(dirname(directory), 'lib')]) {
    const files = await readdir(folder, { recursive: true }).catch(() => [])
    for (const file of files.filter((name) => name.endsWith('.ts')).sort())
      hash.update(`${file}\n`).update(
        createHash('sha256')
          .update(await readFile(join(folder, file)))
          .digest(),
      )
  }
  return hash.digest('hex')
}
