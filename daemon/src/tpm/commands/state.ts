import { concatBytes } from '@teapot-network/trust'
import { PASSWORD, type TpmConnection } from '../connection.ts'
import { malformed, u16, u32 } from '../wire.ts'
import { HIERARCHY } from './keys.ts'

/** Property tags that we ask for (TPM_PT, Part 2 §6.13). */
export const PROPERTY = {
  manufacturer: 0x105,
  vendorString1: 0x106,
  permanent: 0x200,
  lockoutCounter: 0x20e,
} as const

const CAP_HANDLES = 1
const CAP_PROPERTIES = 6
const SHUTDOWN_CLEAR = 0

/** TPM2_GetCapability (Part 3 §30.2): handles in use from `first` on, within its type. */
export async function readHandles(tpm: TpmConnection, first: number, signal?: AbortSignal): Promise<number[]> {
  const { parameters } = await capability(tpm, CAP_HANDLES, first, 254, signal)
  const count = parameters.u32()
  if (count > 254) throw malformed('at most 254 handles', `${count}`)
  return Array.from({ length: count }, () => parameters.u32())
}

/** TPM2_GetCapability: one property's value; nought when the TPM does not have it. */
export async function readProperty(tpm: TpmConnection, property: number, signal?: AbortSignal): Promise<number> {
  const { parameters } = await capability(tpm, CAP_PROPERTIES, property, 1, signal)
  if (parameters.u32() === 0) return 0
  return parameters.u32() === property ? parameters.u32() : 0
}

async function capability(tpm: TpmConnection, kind: number, first: number, count: number, signal?: AbortSignal) {
  const parameters = concatBytes(u32(kind), u32(first), u32(count))
  const response = await tpm.execute({ name: 'GetCapability', code: 0x17a, parameters }, signal)
  response.parameters.u8()
  const found = response.parameters.u32()
  if (found !== kind) throw malformed(`capability ${kind}`, `${found}`)
  return response
}

/** TPM2_ReadClock (Part 3 §29.1): how often the TPM was reset (a boot), and restarted or resumed since. */
export async function readClock(
  tpm: TpmConnection,
  signal?: AbortSignal,
): Promise<{ resetCount: number; restartCount: number; safe: boolean }> {
  const { parameters } = await tpm.execute({ name: 'ReadClock', code: 0x181 }, signal)
  parameters.bytes(16)
  return { resetCount: parameters.u32(), restartCount: parameters.u32(), safe: parameters.u8() === 1 }
}

/** TPM2_DictionaryAttackLockReset (Part 3 §25.2) with an empty password. */
export async function resetLockout(tpm: TpmConnection, signal?: AbortSignal): Promise<void> {
  const command = { name: 'DictionaryAttackLockReset', code: 0x139, handles: [HIERARCHY.lockout], sessions: [PASSWORD] }
  await tpm.execute(command, signal)
}

/** TPM2_Shutdown(CLEAR) (Part 3 §9.4): without it, a power cut may count as an attack. */
export async function shutdown(tpm: TpmConnection, signal?: AbortSignal): Promise<void> {
  await tpm.execute({ name: 'Shutdown', code: 0x145, parameters: u16(SHUTDOWN_CLEAR) }, signal)
}
