import type { DeviceFile } from './device.ts'
import type { TpmTransport } from './frame.ts'

/**
 * An open `/dev/tpmrm0` as Linux 6.1 was measured to behave, but for its resource manager; behind it answers a real TPM.
 * @param readBytes how much a read gives at most
 */
export function createDeviceFile(tpm: TpmTransport, readBytes = 4096): DeviceFile {
  let unread: Uint8Array = new Uint8Array()
  const refuse = (code: string): never => {
    throw Object.assign(new Error(code), { code })
  }
  return {
    write: async (bytes, offset, length, position) => {
      const command = Uint8Array.from(bytes.subarray(offset, offset + length))
      if (position !== null) refuse('ESPIPE')
      if (length > 4096) refuse('E2BIG')
      if (unread.length > 0) refuse('EBUSY')
      const size = length < 10 ? Number.POSITIVE_INFINITY : new DataView(command.buffer).getUint32(2)
      if (size > length) refuse('EINVAL')
      unread = await tpm.send(command.slice(0, size))
      return { bytesWritten: length }
    },
    read: async (into, offset, length, position) => {
      if (position !== null) refuse('ESPIPE')
      const part = unread.subarray(0, Math.min(length, readBytes))
      into.set(part, offset)
      unread = unread.subarray(part.length)
      return { bytesRead: part.length }
    },
    close: async () => tpm[Symbol.asyncDispose](),
  }
}
