import { SourceMap } from 'node:module'
import { relative, resolve } from 'node:path'
import type { ActorLimits } from '@teapot-network/host'
import { originalOffset } from '@teapot-network/host/wasm'
import type { BuiltActor } from './build.ts'

/** Where QuickJS and V8 name a place in code: `(name.js:12:3)`, `wasm-function[7]:0x1a2`. */
const SCRIPT_PLACE = /\(\S*?:(\d+)(?::(\d+))?\)$/
const MODULE_PLACE = /wasm-function\[\d+\]:0x([0-9a-f]+)/g

/**
 * Puts source lines where an error text or a stack points at compiled code.
 * @param built the build that said it
 * @param directory what the paths in the answer are relative to
 * @param limits those that it ran under, on which its prepared code depends
 */
export function explain(
  text: string,
  built: BuiltActor | undefined,
  directory: string,
  limits: Pick<ActorLimits, 'memoryPages' | 'tableElements'>,
): string {
  if (built === undefined || built.sourceMap === '') return text
  const map = new SourceMap(JSON.parse(built.sourceMap))
  const place = (line: number, column: number): string | undefined => {
    const entry = map.findEntry(line, column)
    if (!('originalSource' in entry) || entry.originalSource === undefined) return undefined
    return `${relative(directory, resolve(directory, entry.originalSource))}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
  }
  if (built.language === 'assemblyscript') {
    const settings = { maxPages: limits.memoryPages, maxTableElements: limits.tableElements }
    return text.replace(MODULE_PLACE, (found, offset: string) => {
      const source = originalOffset(built.wasm, settings, Number.parseInt(offset, 16))
      return (source === undefined ? undefined : place(0, source)) ?? found
    })
  }
  return text
    .split('\n')
    .map((line) => {
      if (!/^\s*at /.test(line)) return line
      const [found, row, column] = SCRIPT_PLACE.exec(line) ?? []
      const source = found && place(Number(row) - 1, Number(column ?? 1) - 1)
      return source ? line.replace(found, `(${source})`) : line
    })
    .join('\n')
}
