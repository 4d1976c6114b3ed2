import { createHash } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { ActorError } from './actor-error.ts'

/** A language that actors are written in. */
export type Language = 'assemblyscript' | 'typescript'

/** A compiled actor. */
export interface BuiltActor {
  /** A core module (AssemblyScript) or a component (TypeScript). */
  readonly wasm: Uint8Array
  /** Source map of the code; of a module by byte offset, of a component by the lines of its bundled JavaScript. */
  readonly sourceMap: string
  readonly language: Language
}

/** By the file that each language's actors begin with. */
const ENTRIES: Record<Language, string> = { assemblyscript: 'assembly/index.ts', typescript: 'index.ts' }
/** What the result depends on besides the source. */
const COMPILERS: Record<Language, readonly string[]> = {
  assemblyscript: ['assemblyscript', '@wapc/as-guest'],
  typescript: ['componentize-qjs', 'esbuild'],
}

/**
 * Compiles an actor.
 * @param directory holds `assembly/index.ts` (AssemblyScript: a waPC actor or a WASI command) or `index.ts` (TypeScript: a component)
 * @param options.cacheDirectory where compiled actors are kept by the digest of source and compiler; without it nothing is kept
 * @throws ActorError when there is no source, or it does not compile
 */
export async function buildActor(directory: string, options: { cacheDirectory?: string } = {}): Promise<BuiltActor> {
  const language = await languageOf(directory)
  const compile = async (): Promise<BuiltActor> => {
    const { compile } =
      language === 'typescript' ? await import('./typescript.ts') : await import('./assemblyscript.ts')
    return { ...(await compile(directory)), language }
  }
  if (options.cacheDirectory === undefined) return compile()
  const cached = join(options.cacheDirectory, await digestOfSource(directory, language))
  const found = await Promise.all([readFile(`${cached}.wasm`), readFile(`${cached}.map`, 'utf8')]).catch(
    () => undefined,
  )
  if (found !== undefined) return { wasm: new Uint8Array(found[0]), sourceMap: found[1], language }
  const built = await compile()
  await mkdir(options.cacheDirectory, { recursive: true })
  await keep(`${cached}.map`, built.sourceMap)
  await keep(`${cached}.wasm`, built.wasm)
  return built
}

/** Which language an actor is written in. @throws ActorError when its directory holds neither entry file */
export async function languageOf(directory: string): Promise<Language> {
  for (const [language, entry] of Object.entries(ENTRIES) as [Language, string][])
    if (
      await access(join(directory, entry)).then(
        () => true,
        () => false,
      )
    )
      return language
  throw new ActorError(
    'actors/no-source',
    `Cannot build ${directory}: expected ${Object.values(ENTRIES).join(' or ')} there, found neither; \`teapot actor new\` makes both kinds`,
  )
}

async function keep(path: string, contents: Uint8Array | string): Promise<void> {
  const partial = `${path}.${process.pid}`
  await writeFile(partial, contents)
  await rename(partial, path)
}

/** SHA-256 (hex) over all that the result depends on. */
async function digestOfSource(directory: string, language: Language): Promise<string> {
  const hash = createHash('sha256')
  const require = createRequire(import.meta.url)
  for (const compiler of COMPILERS[language]) {
    const manifest = JSON.parse(await readFile(require.resolve(`${compiler}/package.json`), 'utf8')) as {
      version: string
    }
    hash.update(`${compiler}@${manifest.version}\n`)
  }
  for (const folder of [
    import.meta.dirname,
    join(import.meta.dirname, '..', 'runtime'),
    directory,
    join(dirname(directory), 'lib'),
  ]) {
    const files = await readdir(folder, { recursive: true }).catch(() => [])
    for (const file of files.filter((name) => /^(?!.*node_modules).*\.(ts|wit)$/.test(name)).sort())
      hash.update(`${file}\n`).update(
        createHash('sha256')
          .update(await readFile(join(folder, file)))
          .digest(),
      )
  }
  return hash.digest('hex')
}
