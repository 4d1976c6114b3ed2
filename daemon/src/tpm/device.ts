import { TeapotError } from '@teapot-network/trust'
import { MAX_RESPONSE_BYTES, responseSize, type TpmTransport, unavailable } from './frame.ts'

/** What we ask of an open `/dev/tpmrm0`; a Node FileHandle is one. A position of null means that none is named: the device cannot seek. */
export interface DeviceFile {
  write(bytes: Uint8Array, offset: number, length: number, position: null): Promise<unknown>
  read(into: Uint8Array, offset: number, length: number, position: null): Promise<{ bytesRead: number }>
  close(): Promise<void>
}

/**
 * A line over the kernel's device: one write carries one whole command, and its response must be read to the end before the next write
 * (else EBUSY). Objects and sessions belong to the open file, so that closing it is all the tidying there is
 * (Linux drivers/char/tpm/tpm-dev-common.c, tpm2-space.c).
 */
export function deviceTransport(file: DeviceFile, where: string): TpmTransport {
  let closed = false
  const exchange = async (command: Uint8Array): Promise<Uint8Array> => {
    await file.write(command, 0, command.length, null)
    const buffer = new Uint8Array(MAX_RESPONSE_BYTES)
    for (let at = 0; ; ) {
      const { bytesRead } = await file.read(buffer, at, buffer.length - at, null)
      at += bytesRead
      const size = responseSize(buffer.subarray(0, at))
      if (size instanceof Error) throw size
      if (size !== undefined && at >= size) return buffer.slice(0, at)
      if (bytesRead === 0) throw new Error(`an answer that ends after ${at} bytes`)
    }
  }
  return {
    get closed() {
      return closed
    },
    send: async (command, signal) => {
      signal?.throwIfAborted()
      if (closed) throw unavailable(where, 'the device was closed')
      const aborted = Promise.withResolvers<never>()
      const onAbort = (): void => aborted.reject(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      try {
        return await Promise.race([exchange(command), aborted.promise])
      } catch (cause) {
        closed = true
        if (signal?.aborted || cause instanceof TeapotError) throw cause
        throw unavailable(where, (cause as Error).message, cause)
      } finally {
        signal?.removeEventListener('abort', onAbort)
      }
    },
    [Symbol.asyncDispose]: () => {
      closed = true
      return file.close()
    },
  }
}
