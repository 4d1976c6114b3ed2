import { parseBundle } from '../../transpiler/bundle.ts'
import { GuestFault } from '../guest-fault.ts'
import { compile } from '../linkage.ts'
import type { Program } from '../program.ts'
import type { EntryInterface } from './entry-call.ts'
import { ENTRY_INTERFACES, entryInterfaces } from './entry-points.ts'
import { evaluate } from './evaluate.ts'
import { ComponentGuest } from './guest.ts'
import { linkImports } from './interfaces.ts'
import { jsonFunctions } from './json-functions.ts'
import { type ComponentManifest, MANIFEST_PART, parseManifest, SCRIPT_PART } from './manifest.ts'

/**
 * Makes a program of a transpiled component (spec/host.md §3.8): evaluates its script, compiles its core modules once, and makes a fresh
 * instance for each call, since no snapshot covers the tables of its resources.
 * @throws GuestFault `bad-module` for a bundle that is none, or a component that exports nothing to call; `forbidden-import`
 */
export async function loadComponent(bundle: Uint8Array): Promise<Program> {
  const parts = parseBundle(bundle)
  const take = (name: string) => {
    const part = parts.get(name)
    if (part === undefined || !parts.delete(name))
      throw new GuestFault('bad-module', `Expected a component bundle with a part ${name}, found none`)
    return part
  }
  const manifest = parseManifest(take(MANIFEST_PART))
  const interfaces = linkImports(manifest.imports)
  const entries = findEntries(manifest)
  const instantiate = await evaluate(take(SCRIPT_PART))
  const modules = new Map(
    await Promise.all([...parts].map(async ([name, bytes]) => [name, await compile(bytes)] as const)),
  )
  return {
    abi: 'component',
    reset: 'fresh',
    instantiate: (surroundings) => new ComponentGuest({ instantiate, modules, interfaces, entries }, surroundings),
  }
}

/** Known interfaces come first: beside them other functions are not for callers. */
function findEntries({ exports, signatures }: ComponentManifest): EntryInterface[] {
  const entries = entryInterfaces(exports)
  const functions = entries.length === 0 && signatures !== undefined ? jsonFunctions(signatures) : undefined
  if (functions !== undefined) entries.push(functions)
  if (entries.length > 0) return entries
  throw new GuestFault(
    'bad-module',
    `Expected an export of ${Object.keys(ENTRY_INTERFACES).join(', ')}, or functions without resources, found ${exports.join(', ') || 'none'}`,
  )
}
