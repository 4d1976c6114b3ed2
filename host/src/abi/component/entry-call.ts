import { splitVersion } from '../../transpiler/names.ts'
import type { Exports } from './evaluate.ts'
import type { World } from './world.ts'

/** One call, as an entry point answers it. */
export interface EntryCall {
  readonly exports: Exports
  readonly world: World
  readonly operation: string
  readonly payload: Uint8Array
}

/** The actor's own reason why it did not answer. */
export class ActorRefusal extends Error {}

/** Answers a call by one of a component's exports. @throws ActorRefusal, or whatever ended the guest */
export type EntryPoint = (call: EntryCall) => Promise<Uint8Array>

/** What answers calls. */
export interface EntryInterface {
  /** Which operations it answers. */
  readonly accepts: (operation: string) => boolean
  readonly call: EntryPoint
}

/** An interface's functions among the exports, whatever its version. */
export function exportedInterface(exports: Exports, name: string): Readonly<Record<string, unknown>> | undefined {
  const found = Object.keys(exports).find((key) => splitVersion(key).name === name)
  return found === undefined ? undefined : (exports[found] as Record<string, unknown>)
}

/** What jco throws for the error of a WIT result: an error with the payload as its own. */
export function isComponentError(error: unknown): error is Error & { payload: unknown } {
  return error instanceof Error && Object.hasOwn(error, 'payload')
}
