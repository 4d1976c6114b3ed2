import { parse } from '@bytecodealliance/jco-transpile/wasm-tools'
import { headOf, type List, type Node, textOf } from './read-script.ts'

/** A module of a script, as bytes, or why its text is none. */
export interface ModuleSource {
  readonly name: string | undefined
  /** It only defines, and is instantiated by name. */
  readonly definition: boolean
  /** Of an instance of a definition: the definition's name. */
  readonly instanceOf?: string | undefined
  readonly bytes?: Uint8Array<ArrayBuffer>
  readonly malformed?: string
}

const isName = (node: Node | undefined): node is string => typeof node === 'string' && node.startsWith('$')

/** Reads a `module` form: text, `quote`, `binary`, `definition` or `instance`. */
export async function readModule(list: List, script: string): Promise<ModuleSource> {
  let rest = 1
  const keyword = list.items[rest]
  if (keyword === 'instance') {
    const names = list.items.slice(2).filter(isName)
    return { name: names.length > 1 ? names[0] : undefined, definition: false, instanceOf: names.at(-1) }
  }
  const definition = keyword === 'definition'
  if (definition) rest++
  const name = isName(list.items[rest]) ? (list.items[rest++] as string) : undefined
  const form = list.items[rest]
  const strings = () => Buffer.concat(list.items.slice(rest + 1) as Uint8Array[])
  if (form === 'binary') return { name, definition, bytes: new Uint8Array(strings()) }
  try {
    const bytes =
      form === 'quote'
        ? await parseQuoted(textOf(strings()))
        : await parse(`(module ${script.slice(list.starts[rest] ?? list.end - 1, list.end)}`)
    return { name, definition, bytes: new Uint8Array(bytes) }
  } catch (error) {
    return { name, definition, malformed: String((error as Error).message) }
  }
}

/** A quoted module may have its own `(module …)` around it. */
async function parseQuoted(text: string): Promise<Uint8Array> {
  try {
    return await parse(`(module ${text})`)
  } catch {
    return parse(text)
  }
}

/** Whether a list is a command of a script; else the script is the fields of one module. */
export const isCommand = (list: List): boolean =>
  /^(module|register|invoke|get|thread|wait|input|script|output|assert_\w+)$/.test(headOf(list))
