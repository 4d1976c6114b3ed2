import { readManifest } from '@teapot-network/sdk/app'
import type { AppManifest } from '@teapot-network/trust/app'
import type { Io } from '../../command.ts'
import { readInput } from '../../input.ts'

/** Reads a `teapot.yaml` with this process's environment. @throws TeapotError `cli/cannot-read`, `manifest/invalid` */
export async function readApp(file: string, io: Io): Promise<AppManifest> {
  const text = new TextDecoder().decode(await readInput(file, io))
  return readManifest(text, { file, environment: process.env })
}
