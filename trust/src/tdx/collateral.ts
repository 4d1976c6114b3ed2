import { fromHex } from '../bytes.ts'
import type { CborValue } from '../cbor.ts'
import { shapeOf } from '../cbor-shape.ts'

/** Reads one field; throws TeapotError `tdx/malformed`. */
type Read<T> = (value: CborValue | undefined, name: string) => T
type Fields = Record<string, Read<unknown>>

const shape = shapeOf('tdx/malformed', 'TDX collateral')
const { text, uint } = shape
const svn = object({ svn: uint })
const level = { tcbStatus: text, advisoryIDs: optional(list(text)) }
const signedModule = { mrsigner: hex(48), attributes: hex(8), attributesMask: hex(8) }
const svnLevels = list(object({ ...level, tcb: object({ isvsvn: uint }) }))
const tcb = object({ sgxtcbcomponents: list(svn, 16), pcesvn: uint, tdxtcbcomponents: list(svn, 16) })
const span = { issueDate: time, nextUpdate: time }

/**
 * Reads what Intel says of a platform: a JSON document of texts, each still to be checked (spec/tee.md §1.2).
 * CRLs and signatures are hex, chains PEM; further fields are ignored, here and beneath.
 */
export const parseCollateral = json(
  object({
    root_ca_crl: text,
    pck_crl: text,
    tcb_info_issuer_chain: text,
    tcb_info: text,
    tcb_info_signature: text,
    qe_identity_issuer_chain: text,
    qe_identity: text,
    qe_identity_signature: text,
  }),
)
export type Collateral = ReturnType<typeof parseCollateral>

/** Reads TDX TCB info, version 3 (Intel PCS API v4), its levels from the highest down. */
export const parseTcbInfo = json(
  object({
    ...{ id: only('TDX'), version: only(3), tcbType: only(0), ...span, fmspc: hex(6), pceId: hex(2) },
    tdxModule: object(signedModule),
    tdxModuleIdentities: optional(list(object({ id: text, ...signedModule, tcbLevels: svnLevels }))),
    tcbLevels: list(object({ ...level, tcb })),
  }),
)
export type TcbInfo = ReturnType<typeof parseTcbInfo>

/** Reads the identity of the Quoting Enclave for TDX, version 2 (Intel PCS API v4). */
export const parseQeIdentity = json(
  object({
    ...{ id: only('TD_QE'), version: only(2), ...span, miscselect: hex(4), miscselectMask: hex(4) },
    ...{ attributes: hex(16), attributesMask: hex(16), mrsigner: hex(32), isvprodid: uint, tcbLevels: svnLevels },
  }),
)
export type QeIdentity = ReturnType<typeof parseQeIdentity>

/** Bytes of hex without 0x. @throws TeapotError `tdx/malformed` */
export function hexBytes(digits: string, name: string, length?: number): Uint8Array {
  if (!/^([0-9a-f]{2})*$/i.test(digits)) shape.refuse(name, 'hex digits', `'${digits.slice(0, 40)}'`)
  return shape.bytes(fromHex(`0x${digits}`), name, length)
}

function hex(length: number): Read<Uint8Array> {
  return (value, name) => hexBytes(text(value, name), name, length)
}

/** Seconds since 1970. */
function time(value: CborValue | undefined, name: string): number {
  const said = text(value, name)
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(said) ? Date.parse(said) : Number.NaN
  return Number.isNaN(at) ? shape.refuse(name, 'a time in UTC', `'${said.slice(0, 40)}'`) : at / 1000
}

function only<T extends string | number>(wanted: T): Read<T> {
  return (value, name) => (value === wanted ? wanted : shape.refuse(name, `${wanted}`, `${value}`.slice(0, 40)))
}

function list<T>(item: Read<T>, length?: number): Read<T[]> {
  return (value, name) => shape.array(value, name, length).map((one) => item(one, name))
}

function optional<T>(read: Read<T[]>): Read<T[]> {
  return (value, name) => (value === undefined ? [] : read(value, name))
}

function object<F extends Fields>(fields: F): Read<{ [K in keyof F]: ReturnType<F[K]> }> {
  return (value, name) => {
    if (!(value instanceof Map)) return shape.refuse(name, 'an object', 'something else')
    const entries = Object.entries(fields).map(([key, read]) => [key, read(value.get(key), key)])
    return Object.fromEntries(entries)
  }
}

function json<T>(read: Read<T>): (said: string) => T {
  const isObject = (item: unknown) => typeof item === 'object' && item !== null && !Array.isArray(item)
  return (said) => {
    let value: CborValue | undefined
    try {
      value = JSON.parse(said, (_, item) => (isObject(item) ? new Map(Object.entries(item)) : item))
    } catch {
      // Refused below, as is what is no object.
    }
    return read(value, 'the JSON document')
  }
}
