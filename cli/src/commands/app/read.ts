import { readManifest } from '@teapot-network/sdk/app'
import type { AppManifest } from '@teapot-network/trust/app'
import type { Io } from '../../command.ts'
import { readInput } from '../../input.ts'

/**
 * Reads a `teapot.yaml` with this process's environment.
 * @param taken gathers the names of what was filled in from it
 * @throws TeapotError `cli/cannot-read`, `manifest/invalid`
 */
export async function readApp(file: string, io: Io, taken = new Set<string>()): Promise<AppManifest> {
  const text = new TextDecoder().decode(await readInput(file, io))
  const environment = new Proxy(process.env, { get: (all, name: string) => taken.add(name) && all[name] })
  return readManifest(text, { file, environment })
}
