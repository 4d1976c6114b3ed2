import { splitVersion } from '../../transpiler/names.ts'
import { Exit } from '../exit.ts'
import { ResponseBuffer } from '../wasi/output.ts'
import { ActorRefusal, type EntryCall, type EntryInterface, exportedInterface, isComponentError } from './entry-call.ts'
import { WASI_0_2 } from './host-interface.ts'
import { callIncomingHandler, HANDLE_REQUEST } from './wasi/http-incoming.ts'

/** Interfaces that answer calls, by their names without version, the first that accepts the operation (spec/host.md §3.9). */
export const ENTRY_INTERFACES: Readonly<Record<string, EntryInterface & { readonly versions: RegExp }>> = {
  'wasi:http/incoming-handler': {
    versions: WASI_0_2,
    accepts: (operation) => operation === HANDLE_REQUEST,
    call: callIncomingHandler,
  },
  'teapot:actor/handler': { versions: /^0\.1\.\d+$/, accepts: () => true, call: callHandler },
  'wasi:cli/run': { versions: WASI_0_2, accepts: () => true, call: callCommand },
}

/** What of a component's exports answers calls, in the order of the table. */
export function entryInterfaces(exports: readonly string[]): EntryInterface[] {
  const exported = exports.map(splitVersion)
  return Object.entries(ENTRY_INTERFACES)
    .filter(([name, { versions }]) => exported.some((found) => found.name === name && versions.test(found.version)))
    .map(([, entry]) => entry)
}

/** `teapot:actor/handler` (host/wit/actor.wit). */
async function callHandler({ exports, world, operation, payload }: EntryCall): Promise<Uint8Array> {
  // handle: func(operation: string, payload: list<u8>) -> result<list<u8>, string>
  const { handle } = exportedInterface(exports, 'teapot:actor/handler') as {
    handle: (operation: string, payload: Uint8Array) => Promise<Uint8Array>
  }
  world.charge(operation.length + payload.length)
  try {
    const response = await handle(operation, payload)
    world.charge(response.length)
    return response
  } catch (error) {
    throw refusalOf(error)
  }
}

/** `wasi:cli/run`: a command. Its arguments are the actor's name and the operation, its response is what it writes to stdout. */
async function callCommand({ exports, world, operation, payload }: EntryCall): Promise<Uint8Array> {
  const { name, limits } = world.surroundings
  const output = new ResponseBuffer(limits.responseBytes)
  world.args = operation === '' ? [name] : [name, operation]
  world.stdin = payload
  world.stdout = (bytes) => output.append(bytes)
  // run: func() -> result
  const { run } = exportedInterface(exports, 'wasi:cli/run') as { run: () => Promise<void> }
  let code = 0
  try {
    await run()
  } catch (error) {
    if (!(error instanceof Exit)) throw isComponentError(error) ? new ActorRefusal('exit code 1') : error
    code = error.code
  }
  code = world.ended?.code ?? code
  if (code !== 0) throw new ActorRefusal(`exit code ${code}`)
  return output.bytes.subarray(0, output.length)
}

/** A refusal with a text is told as it is, any other as JSON. */
function refusalOf(error: unknown): unknown {
  if (!isComponentError(error)) return error
  return new ActorRefusal(typeof error.payload === 'string' ? error.payload : JSON.stringify(error.payload))
}
