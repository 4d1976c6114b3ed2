import { TeapotError } from '@teapot-network/trust'
import { type AppManifest, encodeManifest } from '@teapot-network/trust/app'
import { type Document, isMap, isScalar, LineCounter, type Node, type Pair, parseDocument, visit } from 'yaml'
import { checkSchema, type SchemaProblem } from './check-schema.ts'
import { checkMeaning, type WrittenManifest, withDefaults } from './meaning.ts'
import { type ManifestProblem, ManifestRefused } from './problem.ts'
import { substitute } from './substitute.ts'

/** How a `teapot.yaml` is read. */
export interface ReadOptions {
  /** What `${NAME}` stands for: the environment of whoever publishes. */
  environment: Readonly<Record<string, string | undefined>>
  /** The file's name, for messages. */
  file?: string
}

const MAX_CHARACTERS = 256 << 10

/**
 * Reads a `teapot.yaml` (docs/how-to/write-a-manifest.md).
 * @throws ManifestRefused `manifest/invalid` with every problem, its line and column, and the smallest change that mends it
 */
export function readManifest(text: string, { environment, file = 'teapot.yaml' }: ReadOptions): AppManifest {
  const lines = new LineCounter()
  const refuseIf = (problems: ManifestProblem[]) => {
    if (problems.length > 0) throw new ManifestRefused(file, problems)
  }
  if (text.length > MAX_CHARACTERS) refuseIf([whole(`at most ${MAX_CHARACTERS} characters`, `${text.length}`)])
  const document = parseDocument(text, { lineCounter: lines, merge: false, prettyErrors: false })
  refuseIf(document.errors.map((error) => ({ ...at(lines, error.pos[0]), ...syntaxProblem(error.message) })))
  refuseIf(fillIn(document, lines, environment))
  const value: unknown = document.toJS()
  const locate = (problem: SchemaProblem) => locateIn(document, lines, problem)
  refuseIf(checkSchema(value).map(locate))
  refuseIf(checkMeaning(value as WrittenManifest).map(locate))
  const manifest = withDefaults(value as WrittenManifest)
  try {
    encodeManifest(manifest)
  } catch (error) {
    if (!(error instanceof TeapotError)) throw error
    refuseIf([whole('a manifest', error.message)])
  }
  return manifest
}

function whole(expected: string, found: string): ManifestProblem {
  return { line: 1, column: 1, field: '', expected, found, fix: 'make it smaller or simpler' }
}

function syntaxProblem(message: string): Omit<ManifestProblem, 'line' | 'column'> {
  return { field: '', expected: 'YAML', found: message, fix: 'mend it' }
}

function at(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

/** Replaces references in texts, and numbers written by reference where a number is wanted. Aliases are refused. */
function fillIn(document: Document, lines: LineCounter, environment: ReadOptions['environment']): ManifestProblem[] {
  const problems: ManifestProblem[] = []
  visit(document, {
    Alias(_, node) {
      const place = at(lines, node.range![0])
      problems.push({ ...place, field: '', expected: 'no alias', found: `*${node.source}`, fix: 'write it out' })
    },
    Scalar(key, node, ancestors) {
      if (key === 'key' || typeof node.value !== 'string') return
      const { text, unset } = substitute(node.value, environment)
      for (const name of unset) {
        const fix = `set ${name}, or give a default: \${${name}:…}`
        problems.push({
          ...at(lines, node.range![0]),
          field: '',
          expected: `${name} in the environment`,
          found: 'none',
          fix,
        })
      }
      const isNumber = text !== node.value && wantsNumber(ancestors) && /^\d{1,16}$/.test(text)
      node.value = isNumber ? Number(text) : text
    },
  })
  return problems
}

function wantsNumber(ancestors: readonly (Document | Node | Pair)[]): boolean {
  const keys = ancestors.map((one) => ('key' in one && isScalar(one.key) ? one.key.value : undefined))
  return keys.includes('limits') || keys.at(-1) === 'minVersion'
}

function locateIn(document: Document, lines: LineCounter, problem: SchemaProblem): ManifestProblem {
  const { path, atKey, expected, found, fix } = problem
  const node = atKey ? keyNode(document, path) : document.getIn(path, true)
  const offset = (node as Node | null | undefined)?.range?.[0] ?? 0
  return { ...at(lines, offset), field: fieldName(path), expected, found, fix }
}

function keyNode(document: Document, path: readonly string[]): unknown {
  const parent = document.getIn(path.slice(0, -1), true)
  return isMap(parent)
    ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === path.at(-1))?.key
    : parent
}

function fieldName(path: readonly string[]): string {
  return path.map((part, i) => (/^\d+$/.test(part) ? `[${part}]` : i === 0 ? part : `.${part}`)).join('')
}
