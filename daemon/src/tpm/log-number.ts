import { TeapotError } from '@teapot-network/trust'
import { HIERARCHY } from './commands/keys.ts'
import { NV, type NvIndex, nvDefine, nvIncrement, nvRead, nvReadPublic } from './commands/nv.ts'
import type { TpmConnection } from './connection.ts'
import { TpmError } from './response-code.ts'
import { createReader } from './wire.ts'

/** NV index of the log number's counter, in the owner's range. */
const LOG_NUMBER: NvIndex = 0x018007ea
const LOG_NUMBER_AREA = {
  attributes: NV.ownerWrite | NV.authWrite | NV.counter | NV.ownerRead | NV.authRead | NV.noDa,
  sizeBytes: 8,
}

/**
 * The counter's value; defines it first where it is not there. A new counter starts above every one the TPM ever had.
 * @throws TeapotError `tpm/no-counter` when an index that its owner could set back stands in its place
 */
export async function readLogNumber(tpm: TpmConnection, signal?: AbortSignal): Promise<number> {
  try {
    await requireCounter(tpm, signal)
    return await readNumber(tpm, signal)
  } catch (error) {
    if (!(error instanceof TpmError)) throw error
    if (error.responseName === 'HANDLE') {
      await nvDefine(tpm, HIERARCHY.owner, LOG_NUMBER, LOG_NUMBER_AREA, signal)
    } else if (error.responseName !== 'NV_UNINITIALIZED') {
      throw error
    }
    await nvIncrement(tpm, LOG_NUMBER, signal)
    return readNumber(tpm, signal)
  }
}

async function readNumber(tpm: TpmConnection, signal?: AbortSignal): Promise<number> {
  return Number(createReader(await nvRead(tpm, LOG_NUMBER, signal)).u64())
}

async function requireCounter(tpm: TpmConnection, signal?: AbortSignal): Promise<void> {
  const { attributes } = await nvReadPublic(tpm, LOG_NUMBER, signal)
  if ((attributes & NV.type) === NV.counter) return
  const index = `0x${LOG_NUMBER.toString(16)}`
  throw new TeapotError(
    'tpm/no-counter',
    `Cannot number receipt logs: expected a counter at NV index ${index}, found attributes 0x${attributes.toString(16)}; remove what somebody put there (\`tpm2_nvundefine ${index}\`), and a new counter goes on above the old`,
  )
}

/** Raises the counter for good. */
export async function raiseLogNumber(tpm: TpmConnection, signal?: AbortSignal): Promise<number> {
  await readLogNumber(tpm, signal)
  await nvIncrement(tpm, LOG_NUMBER, signal)
  return readLogNumber(tpm, signal)
}
