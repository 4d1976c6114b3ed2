import { handleAbort, handleCall, Result, register } from '@wapc/as-guest'

/**
 * `vote`: what the runtime found of one node, JSON `{tier, outcome, status, type, assurance, failed}` without white space → `{"outcome": text}`
 * (spec/rounds.md §9). This rule votes whatever was found; a stricter one withholds: it answers `silence`.
 */
register('vote', (payload: ArrayBuffer): Result<ArrayBuffer> => {
  const outcome = textOf(String.UTF8.decode(payload), 'outcome')
  if (outcome != 'affirm' && outcome != 'mismatch' && outcome != 'silence')
    return Result.error<ArrayBuffer>(new Error('Expected affirm, mismatch or silence as outcome, found ' + outcome))
  return Result.ok(String.UTF8.encode('{"outcome":"' + outcome + '"}'))
})

/** A member of a JSON object that is a text; empty where there is none. Within a text its quotes would be escaped, and so not be found. */
function textOf(json: string, name: string): string {
  const key = '"' + name + '":"'
  const at = json.indexOf(key)
  return at < 0 ? '' : json.substring(at + key.length, json.indexOf('"', at + key.length))
}

export function __guest_call(operationSize: usize, payloadSize: usize): bool {
  return handleCall(operationSize, payloadSize)
}

/** What AssemblyScript calls when it gives up; named in the compiler's options. */
function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  handleAbort(message, file, line, column)
}
