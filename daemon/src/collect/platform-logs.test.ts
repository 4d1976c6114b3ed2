import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readPlatformLogs } from './platform-logs.ts'

test('the logs are those of the kernel: none without firmware’s, an empty one without IMA, an error for what cannot be read', async () => {
  const root = await mkdtemp(join(tmpdir(), 'teapot-logs-'))
  try {
    expect(await readPlatformLogs(root)).toBeUndefined()
    await mkdir(join(root, 'ima'))
    await writeFile(join(root, 'ima/binary_runtime_measurements'), Uint8Array.of(2))
    expect(await readPlatformLogs(root)).toBeUndefined()
    await mkdir(join(root, 'tpm0'))
    await writeFile(join(root, 'tpm0/binary_bios_measurements'), Uint8Array.of(1))
    expect(await readPlatformLogs(root)).toEqual({ firmware: Uint8Array.of(1), ima: Uint8Array.of(2) })
    await rm(join(root, 'ima'), { recursive: true })
    expect(await readPlatformLogs(root)).toEqual({ firmware: Uint8Array.of(1), ima: new Uint8Array() })
    await mkdir(join(root, 'ima/binary_runtime_measurements'), { recursive: true })
    await expect(readPlatformLogs(root)).rejects.toMatchObject({ code: 'collect/no-report' })
  } finally {
    await rm(root, { recursive: true })
  }
})
