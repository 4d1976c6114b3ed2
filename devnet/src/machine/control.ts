import { rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { TeapotError } from '@teapot-network/trust'
import type { Machine, MachineStatus } from './machine.ts'

/** What can be asked of a machine process, one word a connection; the answer is its status as one line of JSON. */
export type MachineCommand = 'status' | 'reboot' | 'restart-daemon' | 'stop'

const COMMANDS: readonly string[] = ['status', 'reboot', 'restart-daemon', 'stop'] satisfies MachineCommand[]

/** Where the machine with this TPM socket takes commands. */
export function controlSocket(tpmSocket: string): string {
  return `${tpmSocket}.machine`
}

/** Serves commands until disposed. `stop` is answered when everything has ended. */
export async function serveControl(
  path: string,
  machine: Machine,
  stop: () => Promise<void>,
): Promise<AsyncDisposable> {
  const run = async (command: string): Promise<MachineStatus | undefined> => {
    if (command === 'reboot') return machine.reboot()
    if (command === 'restart-daemon') return machine.restartDaemon()
    if (command === 'stop') await stop()
    return COMMANDS.includes(command) ? machine.status() : undefined
  }
  await rm(path, { force: true })
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    createInterface({ input: socket }).once('line', async (command) => {
      const status = await run(command)
      socket.end(`${JSON.stringify(status ?? { unknown: command })}\n`)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) }
}

/**
 * Asks a machine process for something and waits until it is done.
 * @throws TeapotError `machine/unreachable` when it does not run, or ends instead of answering
 */
export async function commandMachine(
  path: string,
  command: MachineCommand,
  signal?: AbortSignal,
): Promise<MachineStatus> {
  try {
    signal?.throwIfAborted()
    const socket = connect(path)
    const onAbort = (): void => void socket.destroy(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    socket.write(`${command}\n`)
    const answer = await text(socket).finally(() => signal?.removeEventListener('abort', onAbort))
    return JSON.parse(answer)
  } catch (cause) {
    if (signal?.aborted) throw signal.reason
    throw new TeapotError(
      'machine/unreachable',
      `Cannot ask for ${command}: expected a machine at ${path}, found: ${(cause as Error).message}; start the machine`,
      { kind: 'unavailable', cause },
    )
  }
}
