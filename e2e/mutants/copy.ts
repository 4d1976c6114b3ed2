import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'

const NOT_COPIED = ['node_modules', '.git', '.teapot', '.cache', 'dist', 'coverage']
const SCOPE = '@teapot-network'

/** A copy of the sources that can be run and spoilt, gone when disposed. The dependencies are the checkout's own, by links. */
export interface SourceCopy extends Disposable {
  readonly folder: string
}

/** Copies the checkout at `root` into the system's temporary folder. */
export function copySources(root: string): SourceCopy {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'teapot-mutants-')))
  cpSync(root, folder, { recursive: true, filter: (path) => path === root || !NOT_COPIED.includes(basename(path)) })
  linkDependencies(root, folder)
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

function linkDependencies(root: string, folder: string): void {
  for (const name of readdirSync(root)) {
    const own = join(root, name, 'node_modules')
    if (existsSync(own) && existsSync(join(folder, name))) symlinkSync(own, join(folder, name, 'node_modules'))
  }
  const [from, to] = [join(root, 'node_modules'), join(folder, 'node_modules')]
  mkdirSync(join(to, SCOPE), { recursive: true })
  for (const name of readdirSync(from)) {
    // Caches are the copy's own, and our rooms are those of the copy.
    if (name !== SCOPE && !name.startsWith('.vite')) symlinkSync(join(from, name), join(to, name))
  }
  for (const name of readdirSync(join(from, SCOPE))) {
    const room = relative(realpathSync(root), realpathSync(join(from, SCOPE, name)))
    if (dirname(room) === '.') symlinkSync(join(folder, room), join(to, SCOPE, name))
  }
}
