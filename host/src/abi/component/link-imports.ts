import { splitVersion } from '../../transpiler/names.ts'
import { GuestFault } from '../guest-fault.ts'
import type { HostInterface } from './host-interface.ts'
import { INTERFACES } from './interfaces.ts'

/**
 * Finds what a component imports in the table of what there is.
 * @param imports with versions, such as `wasi:io/streams@0.2.6`
 * @returns interfaces by their names without version, as the generated code asks for them
 * @throws GuestFault `forbidden-import` for one that is not there, in a version that is not, or not an interface at all
 */
export function linkImports(imports: readonly string[]): Map<string, HostInterface> {
  const linked = new Map<string, HostInterface>()
  for (const imported of imports) {
    const { name, version } = splitVersion(imported)
    const offered = Object.hasOwn(INTERFACES, name) ? INTERFACES[name] : undefined
    if (!offered?.versions.test(version))
      throw new GuestFault(
        'forbidden-import',
        `Expected imports of ${offered === undefined ? 'interfaces that the host offers' : `versions of ${name} that the host offers`}, found ${imported}`,
      )
    linked.set(name, offered)
  }
  return linked
}

/** Functions of these interfaces that may wait, as the generator wants them named. */
export function waitingImports(linked: ReadonlyMap<string, HostInterface>): string[] {
  return [...linked].flatMap(([name, { waits = [] }]) => waits.map((wait) => `${name}#${wait}`))
}
