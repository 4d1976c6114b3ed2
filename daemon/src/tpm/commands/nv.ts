import { concatBytes } from '@teapot-network/trust'
import { PASSWORD, type TpmConnection } from '../connection.ts'
import { ALG, createReader, sized, u16, u32 } from '../wire.ts'
import type { HierarchyHandle } from './keys.ts'

/** The number of an NV index (0x01……). */
export type NvIndex = number & { readonly nv?: never }

/** TPMA_NV bits (Part 2 §13.4). */
export const NV = {
  ppWrite: 0x1,
  ownerWrite: 0x2,
  authWrite: 0x4,
  counter: 0x10,
  /** The bits that tell an index's type. */
  type: 0xf0,
  ppRead: 0x10000,
  ownerRead: 0x20000,
  authRead: 0x40000,
  noDa: 0x2000000,
  platformCreate: 0x40000000,
} as const

/** Some TPMs move no more than this at once. */
const CHUNK_BYTES = 512

/** What TPM2_NV_ReadPublic (Part 3 §31.6) tells of an index. */
export interface NvPublic {
  attributes: number
  sizeBytes: number
}

/** @throws TpmError `HANDLE` when there is no such index */
export async function nvReadPublic(tpm: TpmConnection, index: NvIndex, signal?: AbortSignal): Promise<NvPublic> {
  const { parameters } = await tpm.execute({ name: 'NV_ReadPublic', code: 0x169, handles: [index] }, signal)
  const area = createReader(parameters.sized())
  area.bytes(6)
  const attributes = area.u32()
  area.sized()
  return { attributes, sizeBytes: area.u16() }
}

/** TPM2_NV_Read (Part 3 §31.13) of the whole index, by its own empty password. */
export async function nvRead(tpm: TpmConnection, index: NvIndex, signal?: AbortSignal): Promise<Uint8Array> {
  const { sizeBytes } = await nvReadPublic(tpm, index, signal)
  const parts: Uint8Array[] = []
  for (let at = 0; at < sizeBytes; at += CHUNK_BYTES) {
    const parameters = concatBytes(u16(Math.min(CHUNK_BYTES, sizeBytes - at)), u16(at))
    const command = { name: 'NV_Read', code: 0x14e, handles: [index, index], sessions: [PASSWORD], parameters }
    parts.push((await tpm.execute(command, signal)).parameters.sized())
  }
  return concatBytes(...parts)
}

/** TPM2_NV_DefineSpace (Part 3 §31.3) with an empty password. @throws TpmError `NV_DEFINED` when it is there already */
export async function nvDefine(
  tpm: TpmConnection,
  hierarchy: HierarchyHandle,
  index: NvIndex,
  area: NvPublic,
  signal?: AbortSignal,
): Promise<void> {
  const nvPublic = concatBytes(u32(index), u16(ALG.sha256), u32(area.attributes), sized(), u16(area.sizeBytes))
  const parameters = concatBytes(sized(), sized(nvPublic))
  const command = { name: 'NV_DefineSpace', code: 0x12a, handles: [hierarchy], sessions: [PASSWORD], parameters }
  await tpm.execute(command, signal)
}

/** TPM2_NV_Write (Part 3 §31.7) from the index's start, authorised by a hierarchy. */
export async function nvWrite(
  tpm: TpmConnection,
  hierarchy: HierarchyHandle,
  index: NvIndex,
  data: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  for (let at = 0; at < data.length; at += CHUNK_BYTES) {
    const parameters = concatBytes(sized(data.subarray(at, at + CHUNK_BYTES)), u16(at))
    const command = { name: 'NV_Write', code: 0x137, handles: [hierarchy, index], sessions: [PASSWORD], parameters }
    await tpm.execute(command, signal)
  }
}

/** TPM2_NV_Increment (Part 3 §31.8) by the index's own empty password; the first one starts above every counter the TPM ever had. */
export async function nvIncrement(tpm: TpmConnection, index: NvIndex, signal?: AbortSignal): Promise<void> {
  await tpm.execute({ name: 'NV_Increment', code: 0x134, handles: [index, index], sessions: [PASSWORD] }, signal)
}
