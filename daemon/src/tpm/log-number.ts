import { HIERARCHY } from './commands/keys.ts'
import { NV, type NvIndex, nvDefine, nvIncrement, nvRead } from './commands/nv.ts'
import type { TpmConnection } from './connection.ts'
import { TpmError } from './response-code.ts'
import { createReader } from './wire.ts'

/** NV index of the log number's counter, in the owner's range. */
const LOG_NUMBER: NvIndex = 0x018007ea
const LOG_NUMBER_AREA = {
  attributes: NV.ownerWrite | NV.authWrite | NV.counter | NV.ownerRead | NV.authRead | NV.noDa,
  sizeBytes: 8,
}

/** The counter's value; defines it first where it is not there. A new counter starts above every one the TPM ever had. */
export async function readLogNumber(tpm: TpmConnection, signal?: AbortSignal): Promise<number> {
  try {
    return Number(createReader(await nvRead(tpm, LOG_NUMBER, signal)).u64())
  } catch (error) {
    if (!(error instanceof TpmError)) throw error
    if (error.responseName === 'HANDLE') {
      await nvDefine(tpm, HIERARCHY.owner, LOG_NUMBER, LOG_NUMBER_AREA, signal)
    } else if (error.responseName !== 'NV_UNINITIALIZED') {
      throw error
    }
    await nvIncrement(tpm, LOG_NUMBER, signal)
    return Number(createReader(await nvRead(tpm, LOG_NUMBER, signal)).u64())
  }
}

/** Raises the counter for good. */
export async function raiseLogNumber(tpm: TpmConnection, signal?: AbortSignal): Promise<number> {
  await readLogNumber(tpm, signal)
  await nvIncrement(tpm, LOG_NUMBER, signal)
  return readLogNumber(tpm, signal)
}
