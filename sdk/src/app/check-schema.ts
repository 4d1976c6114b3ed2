import { TEXT_RULES } from '@teapot-network/trust/app'
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import { MANIFEST_SCHEMA } from './schema.ts'

/** A problem before it is known where in the file it stands. */
export interface SchemaProblem {
  /** From the root: keys and indices. */
  path: readonly string[]
  /** Whether the key at the end of the path is at fault, and not its value. */
  atKey: boolean
  expected: string
  found: string
  fix: string
}

const validate = new Ajv2020({ allErrors: true, verbose: true }).compile(MANIFEST_SCHEMA)

/** What of a value is not as the schema of `teapot.yaml` says. */
export function checkSchema(value: unknown): SchemaProblem[] {
  validate(value)
  // A key with a wrong name is told twice: by the pattern of names, and by the object.
  return (validate.errors ?? []).filter(({ keyword }) => keyword !== 'propertyNames').map(explain)
}

function explain(error: ErrorObject): SchemaProblem {
  const { keyword, params, data, parentSchema, propertyName } = error
  const path = error.instancePath.split('/').slice(1).map(unescapePointer)
  const here = { path, atKey: false, found: show(data) }
  switch (keyword) {
    case 'additionalProperties': {
      const name: string = params['additionalProperty']
      const known = Object.keys(parentSchema!['properties'])
      const near = nearest(name, known)
      const fix = near === undefined ? `take it out; known are ${known.join(', ')}` : `did you mean ${near}?`
      return { path: [...path, name], atKey: true, expected: 'a known field', found: name, fix }
    }
    case 'required':
      return { ...here, expected: `the field ${params['missingProperty']}`, found: 'none', fix: 'add it' }
    case 'enum': {
      const allowed: string[] = params['allowedValues']
      const near = nearest(String(data), allowed)
      return {
        ...here,
        expected: allowed.join(' or '),
        fix: near === undefined ? 'choose one' : `did you mean ${near}?`,
      }
    }
    case 'type':
      return { ...here, expected: typeName(params['type']), fix: fixOfType(params['type'], data) }
    case 'pattern': {
      const rule = Object.values(TEXT_RULES).find(({ pattern }) => pattern === params['pattern'])
      const expected = rule?.means ?? params['pattern']
      if (propertyName === undefined) return { ...here, expected, fix: 'change it' }
      return { path: [...path, propertyName], atKey: true, expected, found: show(propertyName), fix: 'rename it' }
    }
    default:
      return { ...here, expected: `what ${error.message ?? keyword}`, fix: 'change it' }
  }
}

function fixOfType(type: string, data: unknown): string {
  if (type === 'string' && (typeof data === 'number' || typeof data === 'boolean')) return 'put it in quotes'
  if (type === 'array') return 'write a list, each item after a dash'
  if (type === 'integer' && typeof data === 'string') return 'write the number without quotes and units'
  return data === null ? 'give it a value, or take it out' : 'change it'
}

const TYPE_NAMES = new Map([
  ['string', 'a text'],
  ['object', 'fields'],
  ['array', 'a list'],
  ['integer', 'a whole number'],
])

function typeName(type: string): string {
  return TYPE_NAMES.get(type) ?? type
}

function show(data: unknown): string {
  if (data === null || data === undefined) return 'nothing'
  if (Array.isArray(data)) return `a list of ${data.length}`
  if (typeof data === 'object') return 'fields'
  return typeof data === 'string' ? JSON.stringify(data.slice(0, 60)) : String(data)
}

/** Escapes of JSON Pointer (RFC 6901 §3). */
function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~')
}

/** The word at most two letters off. */
function nearest(word: string, among: readonly string[]): string | undefined {
  const ranked = among.map((candidate) => ({
    candidate,
    distance: distance(word.slice(0, 64).toLowerCase(), candidate.toLowerCase()),
  }))
  const best = ranked.sort((a, b) => a.distance - b.distance)[0]
  return best !== undefined && best.distance <= 2 ? best.candidate : undefined
}

/** Levenshtein's: letters put in, left out or replaced. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++)
      next.push(Math.min(row[j]! + (letter === b[j] ? 0 : 1), row[j + 1]! + 1, next[j]! + 1))
    row = next
  }
  return row[b.length]!
}
