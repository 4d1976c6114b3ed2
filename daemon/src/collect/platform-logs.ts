import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PlatformLogs } from '@teapot-network/trust'
import { noReport } from './collector.ts'

/**
 * The kernel's logs of what ran before us; to be read after the quote, so that they hold all it covers (spec/evidence.md §6).
 * Undefined where the firmware left no log; a kernel without IMA gives an empty `ima`.
 * @param root securityfs
 * @throws TeapotError `collect/no-report` when they are there and cannot be read
 */
export async function readPlatformLogs(root = '/sys/kernel/security'): Promise<PlatformLogs | undefined> {
  const firmware = await readLog(join(root, 'tpm0/binary_bios_measurements'))
  const ima = await readLog(join(root, 'ima/binary_runtime_measurements'))
  return firmware && { firmware, ima: ima ?? new Uint8Array() }
}

async function readLog(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw noReport(path, 'a log that can be read', cause, "let teapot's user read it, or run teapot as root")
  }
}
