import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import asc from 'assemblyscript/asc'
import { ActorError } from './actor-error.ts'

const OPTIONS = [
  ...['--outFile', 'actor.wasm', '--sourceMap', '--optimizeLevel', '3', '--shrinkLevel', '1'],
  ...['--runtime', 'incremental', '--use', 'abort=assembly/index/abort', '--noColors'],
]
/** Where `@wapc/as-guest` is found by actors that lie outside of any project that has it. */
const PACKAGES = dirname(dirname(dirname(createRequire(import.meta.url).resolve('@wapc/as-guest/package.json'))))

/**
 * Compiles an actor written in AssemblyScript; the same source gives the same bytes, wherever it lies.
 * @param directory holds `assembly/index.ts`; it may import from `lib` beside it and from `@wapc/as-guest`
 * @throws ActorError with the compiler's diagnostics
 */
export async function compile(directory: string): Promise<{ wasm: Uint8Array; sourceMap: string }> {
  const written = new Map<string, Uint8Array | string>()
  const { error, stderr } = await asc.main(
    ['assembly/index.ts', ...OPTIONS, '--baseDir', directory, '--path', PACKAGES],
    {
      stderr: asc.createMemoryStream(),
      writeFile: (name, contents) => void written.set(name, contents),
    },
  )
  const wasm = written.get('actor.wasm')
  if (error !== null || wasm === undefined || typeof wasm === 'string')
    throw new ActorError(
      'actors/does-not-compile',
      `Cannot compile ${join(directory, 'assembly')}: ${stderr.toString()}`,
      { cause: error },
    )
  return { wasm: new Uint8Array(wasm), sourceMap: String(written.get('actor.wasm.map') ?? '') }
}
