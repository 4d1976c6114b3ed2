import { mkdir, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { readLaunchFile } from '@teapot-network/daemon/boot'
import { controlSocket, serveControl } from './control.ts'
import { createMachine, type Firmware } from './machine.ts'

/**
 * Runs one devnet box in this process, and boots it. Tells its state in lines of JSON on stdout, takes commands at its control socket,
 * and ends in order on SIGTERM, on `stop`, or when a parent that forked it goes.
 */
export async function runMachine(machineFile: string | undefined, firmware?: Firmware): Promise<void> {
  if (machineFile === undefined) throw new TypeError('Expected the path of a machine.json, found none')
  const { tpm } = await readLaunchFile(machineFile)
  if (!('socket' in tpm)) throw new TypeError('A devnet machine needs a TPM at a unix socket')
  const { socket } = tpm
  await mkdir(dirname(socket), { recursive: true, mode: 0o700 })
  const machine = await createMachine(machineFile, (status) => console.log(JSON.stringify(status)), firmware)

  let stopping: PromiseLike<void> | undefined
  const stop = async (): Promise<void> => {
    stopping ??= machine[Symbol.asyncDispose]()
    await stopping
  }
  const control = await serveControl(controlSocket(socket), machine, async () => {
    await stop()
    // After the answer is out.
    setTimeout(end, 50)
  })
  const end = async (): Promise<void> => {
    await stop()
    await control[Symbol.asyncDispose]()
    // Where nothing else lies in it.
    await rmdir(dirname(socket)).catch(() => {})
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)
  process.on('disconnect', end)
  await machine.reboot()
}
