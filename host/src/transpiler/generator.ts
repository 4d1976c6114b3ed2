import { $init, generate } from '@bytecodealliance/jco-transpile/component'
import { GuestFault } from '../abi/guest-fault.ts'

const NAME = 'component'

/** What jco makes of a component. */
export interface Generated {
  /** An ES module that exports `instantiate(getCoreModule, imports, instantiateCore)`. */
  readonly script: Uint8Array
  /** Core modules by the names that the script asks for: those of the component, and adapters that jco made. */
  readonly modules: ReadonlyMap<string, Uint8Array>
  /** TypeScript declarations, where they were asked for: `component.d.ts` and `interfaces/….d.ts`. */
  readonly declarations: ReadonlyMap<string, Uint8Array>
}

/**
 * Runs jco's generator: the component's imports and exports as JavaScript, its synchronous calls waiting by JSPI.
 * @param waits imports that may wait: `wasi:io/poll#poll`
 * @param declare whether TypeScript declarations are wanted
 * @param exports names among which all that is exported is found; each of them may come to wait
 * @throws GuestFault `bad-module` with jco's reason
 */
export async function runGenerator(
  component: Uint8Array,
  { waits, exports, declare }: { waits: readonly string[]; exports: Iterable<string>; declare: boolean },
): Promise<Generated> {
  await $init
  const { files } = run(() =>
    generate(component, {
      name: NAME,
      instantiation: { tag: 'async' },
      asyncMode: { tag: 'jspi', val: { imports: [...waits], exports: [...exports] } },
      base64Cutoff: 0,
      multiMemory: true,
      noNodejsCompat: true,
      noTypescript: !declare,
    }),
  )
  const ending = (end: string) => new Map(files.filter(([name]) => name.endsWith(end)))
  const script = ending('.js').get(`${NAME}.js`)
  if (script === undefined) throw new GuestFault('bad-module', 'Expected a script from the generator, found none')
  return { script, modules: ending('.wasm'), declarations: ending('.d.ts') }
}

function run<T>(generate: () => T): T {
  try {
    return generate()
  } catch (error) {
    throw new GuestFault('bad-module', `Expected a valid component, found: ${(error as Error).message}`)
  }
}
