import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildModule, PROVIDER_ENTRIES } from '@teapot-network/daemon/build-image'
import { createProviderSupervisor, type ProviderSupervisor } from '@teapot-network/daemon/providers'
import { ActorError } from './actor-error.ts'

/** The product's own provider of each capability that works without a node around it. */
const PROVIDERS: Readonly<Record<string, string>> = {
  'wascc:keyvalue': 'keyvalue',
  'wasi:keyvalue': 'keyvalue',
  'wascc:logging': 'logging',
  'wasi:logging': 'logging',
  'wascc:extras': 'extras',
  'wasi:config': 'config',
  'wascc:http_client': 'http-client',
  'wasi:http': 'http-client',
}
/** Capabilities that the sandbox itself serves. */
const OF_THE_HOST = /^(actor:|wasi:filesystem$)/

/**
 * Runs the providers of some capabilities, the ones that nodes run, with their data in a folder.
 * @param folder for their data, and for the modules built from source
 * @throws ActorError for a capability that nothing here serves
 */
export async function openLocalProviders(folder: string, capabilities: Iterable<string>): Promise<ProviderSupervisor> {
  const names = new Set<string>()
  for (const capability of capabilities) {
    if (OF_THE_HOST.test(capability)) continue
    const name = PROVIDERS[capability]
    if (name === undefined)
      throw new ActorError(
        'actors/not-served-here',
        `Cannot serve ${capability} here: expected one of ${Object.keys(PROVIDERS).join(', ')}; try it on a network (npm start)`,
      )
    names.add(name)
  }
  const built = (name: string) => join(folder, 'built', `${name}.mjs`)
  await mkdir(join(folder, 'built'), { recursive: true })
  if (names.size > 0) await buildModule({ source: 'daemon/src/providers/child.ts', outFile: built('provider') })
  const supervisor = createProviderSupervisor({
    nodePath: process.execPath,
    providerEntry: built('provider'),
    dataDirectory: join(folder, 'data'),
  })
  try {
    for (const name of names) {
      const { source, grants } = PROVIDER_ENTRIES[name]!
      await buildModule({ source, outFile: built(name) })
      await supervisor.load({ name, version: 1, digest: name, bytes: await readFile(built(name)), grants })
    }
    return supervisor
  } catch (error) {
    await supervisor[Symbol.asyncDispose]()
    throw error
  }
}
