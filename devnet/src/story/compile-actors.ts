// The developer's compiler, a process of its own: `node compile-actors.ts <folder> <actor>…` writes <folder>/<actor>.wasm, and prints each name.
import { rename, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { buildActor } from '@teapot-network/actors'

const ACTORS = resolve(import.meta.dirname, '../../../actors')
const [folder = '.', ...names] = process.argv.slice(2)

for (const name of names) {
  const file = join(folder, `${name}.wasm`)
  await writeFile(`${file}.new`, await buildActor(join(ACTORS, name), { cacheDirectory: join(folder, 'actors') }))
  await rename(`${file}.new`, file)
  console.log(name)
}
