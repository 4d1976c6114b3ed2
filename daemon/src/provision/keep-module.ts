import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '@teapot-network/trust'

/** Puts verified bytes of a provider where its process can import them, named by their digest. @returns the path */
export async function keepModule(folder: string, digest: Digest, bytes: Uint8Array): Promise<string> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${digest.slice(2)}.mjs`)
  await writeFile(`${path}.new`, bytes, { mode: 0o444 })
  await rename(`${path}.new`, path)
  return path
}
