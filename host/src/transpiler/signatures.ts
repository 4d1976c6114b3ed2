import type { JsonType, Signatures } from '../abi/component/json-values.ts'
import { GuestFault } from '../abi/guest-fault.ts'
import { type Declarations, parseDeclarations } from './declarations.ts'

const WORLD_FILE = 'component.d.ts'
/** What toolchains leave behind to make a snapshot by; to callers it would be a way to put in other code. */
const TOOLCHAINS_OWN = new Set(['init'])
const decoder = new TextDecoder()

/**
 * Reads from jco's TypeScript declarations how exported functions are called: there it has resolved all types of a component.
 * Functions that take resources are left out, since JSON holds none.
 * @throws GuestFault `bad-module` for declarations of another form
 */
export function readSignatures(files: ReadonlyMap<string, Uint8Array>): Signatures {
  const read = new Map<string, Declarations>()
  const declarations = (file: string): Declarations => {
    const known = read.get(file)
    if (known !== undefined) return known
    const source = files.get(file)
    if (source === undefined) throw new GuestFault('bad-module', `Expected declarations in ${file}, found none`)
    const parsed = parseDeclarations(decoder.decode(source), file)
    read.set(file, parsed)
    return parsed
  }
  const types: Record<string, JsonType> = {}
  const collect = (type: JsonType): boolean => {
    if (typeof type === 'string') return true
    if (!('type' in type)) return partsOf(type).every(collect)
    if (Object.hasOwn(types, type.type)) return true
    const [file = '', name = ''] = type.type.split('#')
    const found = declarations(file).types.get(name)
    if (found === undefined) return false
    types[type.type] = found
    if (collect(found)) return true
    delete types[type.type]
    return false
  }
  const callable = (functions: ReadonlyMap<string, readonly JsonType[]>) =>
    Object.fromEntries([...functions].filter(([, parameters]) => parameters.every(collect)))
  const exported = [...declarations(WORLD_FILE).worlds].filter(([name]) => name !== 'ImportObject').at(-1)?.[1]
  const own = new Map([...(exported?.functions ?? [])].filter(([name]) => !TOOLCHAINS_OWN.has(name)))
  const interfaces = [...(exported?.interfaces ?? [])].map(
    ([name, file]) => [name, callable(declarations(file).functions)] as const,
  )
  return { types, functions: { '': callable(own), ...Object.fromEntries(interfaces) } }
}

function partsOf(type: Exclude<JsonType, string | { type: string }>): JsonType[] {
  if ('list' in type) return [type.list]
  if ('option' in type) return [type.option]
  if ('tuple' in type) return [...type.tuple]
  return Object.values('record' in type ? type.record : type.variant).filter((part) => part !== null)
}
