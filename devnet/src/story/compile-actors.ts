// The developer's compiler, a process of its own: `node compile-actors.ts <folder> <actor>…` writes <folder>/<actor>.wasm, and prints each name.
import { rename, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { buildActor } from '@teapot-network/actors'

const ACTORS = resolve(import.meta.dirname, '../../../actors/samples')
const [folder = '.', ...names] = process.argv.slice(2)

for (const name of names) {
  const file = join(folder, `${name}.wasm`)
  const { wasm } = await buildActor(join(ACTORS, name), {
    cacheDirectory: join(folder, 'actors'),
  })
  await writeFile(`${file}.new`, wasm)
  await rename(`${file}.new`, file)
  console.log(name)
}
