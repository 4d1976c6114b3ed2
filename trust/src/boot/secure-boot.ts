import { fail, pass } from '../appraise/reason.ts'
import { toHex } from '../bytes.ts'
import { digestOf } from '../digest.ts'
import type { BootReference } from '../reference-values.ts'
import type { Reason } from '../verdict.ts'
import { EV } from './firmware-log.ts'
import { isSeparator, type Measured, nameEvents } from './replayed.ts'

const utf16 = new TextDecoder('utf-16le')

/** Whether the firmware took only what its keys had signed, where the release asks for that (spec/boot.md §4.6). */
export function appraiseSecureBoot({ secureBoot }: BootReference, events: readonly Measured[]): Reason {
  const id = 'platform/secure-boot'
  const title = 'Secure Boot is as the release asks'
  const problem = secureBootProblem(events.filter(({ pcr }) => pcr === 7))
  if (secureBoot === 'any') return pass(id, title, problem ? 'not asked for, and off' : 'not asked for, and on')
  if (!problem) return pass(id, title, 'on')
  return fail(id, title, {
    ...problem,
    source: 'TCG PC Client Platform Firmware Profile §3.3.4.8',
    fix: "turn Secure Boot on, with the key that signed the release's image in db",
  })
}

function secureBootProblem(events: readonly Measured[]): { expected: string; found: string } | undefined {
  const separator = events.findIndex(isSeparator)
  const before = events.slice(0, Math.max(separator, 0))
  const after = events.slice(separator + 1)
  const stray = before.find((event) => event.type !== EV.variableDriverConfig || !readVariable(event))
  if (separator < 0 || stray)
    return { expected: 'variables, then a separator', found: stray ? nameEvents([stray]) : 'none' }
  const variables = before.map((event) => readVariable(event)!)
  const [state, ...more] = variables.filter(({ name }) => name === 'SecureBoot')
  if (!state || more.length > 0 || toHex(state.data) !== '0x01') {
    return { expected: 'SecureBoot 0x01, once', found: state ? toHex(state.data) : 'none' }
  }
  const db = toHex(variables.find(({ name }) => name === 'db')?.data ?? new Uint8Array())
  const foreign = after.find((event) => !isAuthority(event, db))
  if (after.length > 0 && !foreign) return undefined
  return { expected: 'authorities that are in db', found: foreign ? nameEvents([foreign]) : 'none' }
}

/** An entry of db that verified an image: its owner and certificate, as they stand in db (UEFI §32.4.1). */
function isAuthority(event: Measured, db: string): boolean {
  const variable = event.type === EV.variableAuthority ? readVariable(event) : undefined
  return variable?.name === 'db' && variable.data.length > 16 && db.includes(toHex(variable.data).slice(2))
}

/** UEFI_VARIABLE_DATA (Platform Firmware Profile §10.2.6); nothing where the digest is of other bytes. */
function readVariable({ data, digest }: Measured): { name: string; data: Uint8Array } | undefined {
  if (data.length < 32 || digestOf(data) !== digest) return undefined
  const lengths = new DataView(data.buffer, data.byteOffset + 16, 16)
  const end = 32 + Number(lengths.getBigUint64(0, true)) * 2
  if (end + Number(lengths.getBigUint64(8, true)) !== data.length) return undefined
  return { name: utf16.decode(data.subarray(32, end)), data: data.subarray(end) }
}
