import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Plugin } from 'esbuild'

const WASI = 'host/src/transpiler/generator-wasi.ts'
/** How jco's generator loads its code: from files beside it. */
const LOAD = /fetchCompile\(new URL\('(\.\/[\w.-]+\.wasm)', import\.meta\.url\)\)/g

/**
 * Puts jco's generator into a bundle whole: its WebAssembly as part of the text, in place of files beside it, and our empty
 * WASI in place of its own.
 * @param root of the repository
 */
export function inlineGenerator(root: string): Plugin {
  return {
    name: 'inline-generator',
    setup(build) {
      build.onResolve({ filter: /^@bytecodealliance\/preview2-shim\// }, () => ({ path: resolve(root, WASI) }))
      build.onLoad({ filter: /js-component-bindgen-component\.js$/ }, async ({ path }) => {
        const source = await readFile(path, 'utf8')
        const files: string[] = []
        const contents = source.replace(LOAD, (_, file: string) => `WebAssembly.compile(core${files.push(file)})`)
        if (files.length === 0)
          throw new Error(`Expected ${path} to load WebAssembly files in the known way, found another`)
        const imports = files.map((file, i) => `import core${i + 1} from '${file}'\n`)
        return { contents: imports.join('') + contents, loader: 'js', resolveDir: dirname(path) }
      })
    },
  }
}
