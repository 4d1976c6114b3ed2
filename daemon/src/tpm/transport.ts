import { open } from 'node:fs/promises'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { TeapotError } from '@teapot-network/trust'
import { malformed } from './wire.ts'

/** Where a TPM answers raw commands: swtpm's unix or TCP socket, or the kernel's resource-managed device. */
export type TpmAddress = { socket: string } | { host: string; port: number } | { device: string }

/** One open line to a TPM. Answers come one by one: `send` only when the last answer has come. */
export interface TpmTransport extends AsyncDisposable {
  /** True once the line was cut. */
  readonly closed: boolean
  /**
   * Sends one command and gives its whole response. A signal that fires meanwhile closes the line, as the answer would come late.
   * @throws TeapotError `tpm/unavailable` when the line is or gets cut
   */
  send(command: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>
}

/** More than any TPM's buffer (4096 is usual). */
const MAX_RESPONSE_BYTES = 8192
const HEADER_BYTES = 10

/**
 * Opens a line to a TPM.
 * @throws TeapotError `tpm/unavailable` when nothing answers there
 */
export function openTransport(address: TpmAddress, signal?: AbortSignal): Promise<TpmTransport> {
  if ('device' in address) return openDevice(address.device)
  return openSocket('socket' in address ? { path: address.socket } : address, describeAddress(address), signal)
}

/** An address as people write it. */
function describeAddress(address: TpmAddress): string {
  if ('device' in address) return address.device
  return 'socket' in address ? address.socket : `${address.host}:${address.port}`
}

async function openSocket(options: NetConnectOpts, where: string, signal?: AbortSignal): Promise<TpmTransport> {
  const socket = await connected(options, where, signal)
  const pending: { settle?: (result: Uint8Array | Error) => void } = {}
  let buffer: Uint8Array = new Uint8Array()
  const settle = (result: Uint8Array | Error): void => {
    const waiting = pending.settle
    delete pending.settle
    waiting?.(result)
  }
  socket.on('data', (chunk: Buffer) => {
    if (!pending.settle) return socket.destroy()
    buffer = Buffer.concat([buffer, chunk])
    const size = responseSize(buffer)
    if (size instanceof Error) {
      settle(size)
      socket.destroy()
    } else if (size !== undefined && buffer.length >= size) {
      const response = Uint8Array.from(buffer.subarray(0, size))
      buffer = buffer.subarray(size)
      settle(response)
    }
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => settle(unavailable(where, 'the connection was closed')))
  return {
    get closed() {
      return socket.destroyed
    },
    send: (command, signal) =>
      new Promise<Uint8Array>((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        if (socket.destroyed) return reject(unavailable(where, 'the connection was closed'))
        const onAbort = (): void => {
          socket.destroy()
          settle(signal?.reason as Error)
        }
        pending.settle = (result) => {
          signal?.removeEventListener('abort', onAbort)
          if (result instanceof Uint8Array) resolve(result)
          else reject(result)
        }
        signal?.addEventListener('abort', onAbort, { once: true })
        socket.write(command)
      }),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        if (socket.destroyed) return resolve()
        socket.once('close', () => resolve())
        socket.destroy()
      }),
  }
}

/** Size of the response at the front, once its header has come. */
function responseSize(buffer: Uint8Array): number | undefined | Error {
  if (buffer.length < HEADER_BYTES) return undefined
  const size = new DataView(buffer.buffer, buffer.byteOffset).getUint32(2)
  if (size < HEADER_BYTES || size > MAX_RESPONSE_BYTES) {
    return malformed(`a size from ${HEADER_BYTES} to ${MAX_RESPONSE_BYTES}`, `${size}`)
  }
  return size
}

function connected(options: NetConnectOpts, where: string, signal?: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const socket = connect(options)
    const onAbort = (): void => {
      socket.destroy()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    const onError = (cause: Error): void => {
      signal?.removeEventListener('abort', onAbort)
      reject(unavailable(where, cause.message, cause))
    }
    socket.once('error', onError)
    socket.once('connect', () => {
      socket.off('error', onError)
      signal?.removeEventListener('abort', onAbort)
      resolve(socket)
    })
  })
}

/** The kernel's device: one write is one command, one read its whole response. */
async function openDevice(path: string): Promise<TpmTransport> {
  const file = await open(path, 'r+').catch((cause: Error) => {
    throw unavailable(path, cause.message, cause)
  })
  let closed = false
  return {
    get closed() {
      return closed
    },
    send: async (command, signal) => {
      signal?.throwIfAborted()
      try {
        await file.write(command, 0, command.length, null)
        const buffer = new Uint8Array(MAX_RESPONSE_BYTES)
        const { bytesRead } = await file.read(buffer, 0, buffer.length, null)
        return buffer.slice(0, bytesRead)
      } catch (cause) {
        closed = true
        throw unavailable(path, (cause as Error).message, cause)
      }
    },
    [Symbol.asyncDispose]: () => {
      closed = true
      return file.close()
    },
  }
}

function unavailable(where: string, why: string, cause?: unknown): TeapotError {
  return new TeapotError(
    'tpm/unavailable',
    `Cannot reach the TPM: expected an answer at ${where}, found: ${why}; start the TPM and try again`,
    { kind: 'unavailable', cause },
  )
}
