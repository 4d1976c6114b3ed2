import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { componentize } from 'componentize-qjs'
import { build } from 'esbuild'
import { ActorError } from './actor-error.ts'

const ROOM = join(import.meta.dirname, '..')
const WIT = fileURLToPath(new URL('../wit', import.meta.resolve('@teapot-network/host')))

/**
 * Compiles an actor written in TypeScript to a component (world `teapot:actor`): each function that it exports is an operation.
 * The engine inside is QuickJS. Two builds of one source differ in bytes: the engine's start draws random numbers.
 * @param directory holds `index.ts`
 * @throws ActorError with the bundler's or the engine's diagnostics
 */
export async function compile(directory: string): Promise<{ wasm: Uint8Array; sourceMap: string }> {
  try {
    const { code, sourceMap } = await bundle(directory)
    const options = { witPath: WIT, world: 'typescript-actor', sync: true, optSize: true }
    const { component } = await componentize({ jsSource: code, ...options })
    return { wasm: new Uint8Array(component), sourceMap }
  } catch (cause) {
    throw new ActorError('actors/does-not-compile', `Cannot compile ${directory}: ${(cause as Error).message}`, {
      cause,
    })
  }
}

async function bundle(directory: string): Promise<{ code: string; sourceMap: string }> {
  const { outputFiles } = await build({
    entryPoints: [join(ROOM, 'runtime', 'handler.ts')],
    alias: { 'teapot:source': join(directory, 'index.ts') },
    ...{ bundle: true, format: 'esm', target: 'es2023', platform: 'neutral', external: ['teapot:actor/*', 'wasi:*'] },
    ...{ sourcemap: 'external', outfile: join(directory, 'actor.js'), write: false, logLevel: 'silent' },
  })
  const read = (end: string) => outputFiles.find(({ path }) => path.endsWith(end))!.text
  return { code: read('.js'), sourceMap: read('.map') }
}
