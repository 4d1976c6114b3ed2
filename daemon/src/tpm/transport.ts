import { open } from 'node:fs/promises'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { deviceTransport } from './device.ts'
import { responseSize, type TpmTransport, unavailable } from './frame.ts'

/** Where a TPM answers raw commands: swtpm's unix or TCP socket, or the kernel's resource-managed device. */
export type TpmAddress = { socket: string } | { host: string; port: number } | { device: string }

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

async function openDevice(path: string): Promise<TpmTransport> {
  const file = await open(path, 'r+').catch((cause: Error) => {
    throw unavailable(path, cause.message, cause)
  })
  return deviceTransport(file, path)
}
