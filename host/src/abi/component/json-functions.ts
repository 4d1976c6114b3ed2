import { splitVersion } from '../../transpiler/names.ts'
import { ActorRefusal, type EntryCall, type EntryInterface, isComponentError } from './entry-call.ts'
import { fromJson, type JsonType, type Signatures, toJson } from './json-values.ts'

type Run = (...values: unknown[]) => Promise<unknown>

interface JsonFunction {
  /** The key of its interface among the exports; empty for the world's own functions. */
  readonly owner: string
  readonly name: string
  readonly parameters: readonly JsonType[]
}

/**
 * The functions of a world that is none of ours: the operation is a function's name (`run`, `ns:pkg/iface#func`, with a version or
 * without), the payload a JSON array of its arguments, the response its result as JSON (spec/host.md §3.9).
 * @returns undefined when there is none to call
 */
export function jsonFunctions({ types, functions }: Signatures): EntryInterface | undefined {
  const callable = new Map<string, JsonFunction>()
  for (const [owner, named] of Object.entries(functions))
    for (const [name, parameters] of Object.entries(named))
      for (const prefix of new Set([owner, splitVersion(owner).name]))
        callable.set(prefix === '' ? name : `${prefix}#${name}`, { owner, name, parameters })
  if (callable.size === 0) return undefined
  const find = (operation: string) => callable.get(operation) ?? callable.get(inCamelCase(operation))
  return {
    accepts: (operation) => find(operation) !== undefined,
    call: (call) => callFunction(call, find(call.operation)!, types),
  }
}

async function callFunction(
  { exports, world, payload }: EntryCall,
  { owner, name, parameters }: JsonFunction,
  types: Signatures['types'],
): Promise<Uint8Array> {
  const functions = (owner === '' ? exports : exports[owner]) as Readonly<Record<string, Run>>
  world.charge(payload.length)
  const values = readArguments(payload, parameters, types)
  try {
    const response = Buffer.from(toJson(await functions[name]!(...values)))
    world.charge(response.length)
    return response
  } catch (error) {
    if (!isComponentError(error)) throw error
    throw new ActorRefusal(toJson(error.payload))
  }
}

function readArguments(payload: Uint8Array, parameters: readonly JsonType[], types: Signatures['types']): unknown[] {
  try {
    const values: unknown = payload.length === 0 ? [] : JSON.parse(Buffer.from(payload).toString())
    return fromJson(values, { tuple: parameters }, types, 'arguments') as unknown[]
  } catch (error) {
    const said = (error as Error).message
    throw new ActorRefusal(error instanceof TypeError ? said : `Expected arguments as a JSON array, found: ${said}`)
  }
}

/** `ns:pkg/iface#use-thing` as `ns:pkg/iface#useThing`: what functions are called in JavaScript. */
function inCamelCase(operation: string): string {
  const at = operation.indexOf('#') + 1
  const [first = '', ...others] = operation.slice(at).split('-')
  const capital = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase()
  return operation.slice(0, at) + first.toLowerCase() + others.map(capital).join('')
}
