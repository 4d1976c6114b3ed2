import { fail, pass, short } from '../appraise/reason.ts'
import { toHex } from '../bytes.ts'
import { digestOf } from '../digest.ts'
import type { BootReference } from '../reference-values.ts'
import type { Reason } from '../verdict.ts'
import { isSeparator, type Measured, nameEvents } from './replayed.ts'

const utf16 = new TextDecoder('utf-16le')

type Problem = { expected: string; found: string }

/** Whether the firmware took only what its keys had signed, where the release asks for that (spec/boot.md §4.6). */
export function appraiseSecureBoot({ secureBoot }: BootReference, events: readonly Measured[]): Reason {
  const id = 'platform/secure-boot'
  const title = 'Secure Boot is as the release asks'
  const pcr7 = events.filter(({ pcr }) => pcr === 7)
  const off = signedProblem(pcr7)
  const problem = debuggerProblem(pcr7) ?? (secureBoot === 'required' ? off : undefined)
  if (!problem) return pass(id, title, off ? 'off, and not asked for' : 'on')
  return fail(id, title, {
    ...problem,
    source: 'TCG PC Client Platform Firmware Profile §3.3.4.8',
    fix: "turn Secure Boot on, with the key that signed the release's image in db, and debuggers off",
  })
}

/** Firmware that lets a debugger or unprotected DMA in says so here: with it, its owner runs what they like. */
function debuggerProblem(events: readonly Measured[]): Problem | undefined {
  const others = events.filter((event) => !readVariable(event))
  if (others.length === 1 && isSeparator(others[0]!)) return undefined
  return { expected: 'variables and one separator', found: nameEvents(others) }
}

function signedProblem(events: readonly Measured[]): Problem | undefined {
  const separator = events.findIndex(isSeparator)
  const before = events.slice(0, Math.max(separator, 0)).map(readVariable)
  const after = events.slice(separator + 1)
  const [state, ...more] = before.filter((variable) => variable?.name === 'SecureBoot')
  if (!state || more.length > 0 || toHex(state.data) !== '0x01') {
    return { expected: 'SecureBoot 0x01, once', found: state ? short(toHex(state.data)) : 'none' }
  }
  const db = toHex(before.find((variable) => variable?.name === 'db')?.data ?? new Uint8Array())
  const foreign = after.find((event) => !isAuthority(event, db))
  if (after.length > 0 && !foreign) return undefined
  return { expected: 'authorities that are in db', found: foreign ? nameEvents([foreign]) : 'none' }
}

/** An entry of db that verified an image: its owner and certificate, as they stand in db (UEFI §32.4.1). */
function isAuthority(event: Measured, db: string): boolean {
  const variable = readVariable(event)
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
