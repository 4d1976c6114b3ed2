import { concatBytes } from '@teapot-network/trust'
import { PASSWORD, type TpmConnection } from '../connection.ts'
import { ALG, malformed, pcrSelection, u16, u32 } from '../wire.ts'

/** TPM2_PCR_Extend (Part 3 §22.2) of the SHA-256 bank alone. */
export async function pcrExtend(
  tpm: TpmConnection,
  pcr: number,
  digest: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  const parameters = concatBytes(u32(1), u16(ALG.sha256), digest)
  await tpm.execute({ name: 'PCR_Extend', code: 0x182, handles: [pcr], sessions: [PASSWORD], parameters }, signal)
}

/**
 * TPM2_PCR_Read (Part 3 §22.4) of up to eight PCRs of the SHA-256 bank, all from one moment, in ascending order of their numbers.
 * @throws TeapotError `tpm/malformed-response` when the TPM lacks the bank or a PCR
 */
export async function pcrRead(
  tpm: TpmConnection,
  pcrs: readonly number[],
  signal?: AbortSignal,
): Promise<Map<number, Uint8Array>> {
  const wanted = pcrSelection(pcrs)
  const { parameters } = await tpm.execute({ name: 'PCR_Read', code: 0x17e, parameters: wanted }, signal)
  parameters.u32()
  const got = parameters.bytes(wanted.length)
  if (!got.every((byte, i) => byte === wanted[i])) throw malformed(`PCRs ${pcrs} of the SHA-256 bank`, 'others')
  const count = parameters.u32()
  if (count !== pcrs.length) throw malformed(`${pcrs.length} PCR values`, `${count}`)
  const values = new Map<number, Uint8Array>()
  for (const pcr of [...pcrs].sort((a, b) => a - b)) values.set(pcr, parameters.sized())
  parameters.end()
  return values
}
