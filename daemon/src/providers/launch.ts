import type { ChildProcess } from 'node:child_process'
import type { Confinement } from '@teapot-network/host'
import { TeapotError } from '@teapot-network/trust'
import type { ProviderLimits } from './protocol.ts'

/** How a provider process is started. */
export interface ProviderLaunch {
  readonly confinement: Confinement
  /** The bundled `provider.mjs`. */
  readonly providerEntry: string
  readonly modulePath: string
  readonly dataDirectory: string
  /** Its own grants (spec/host.md §6.2). The process gets what they name and nothing else. */
  readonly grants: readonly string[]
  /** What the machine's owner set for it. */
  readonly operator: Readonly<Record<string, unknown>>
}

/**
 * Starts the process; its frames go over fd 3.
 * @throws TeapotError `provider/does-not-start` when the machine refuses
 */
export function spawnProvider(launch: ProviderLaunch, limits: ProviderLimits): ChildProcess {
  const { confinement, providerEntry, modulePath, dataDirectory, grants } = launch
  try {
    return confinement.spawn({
      entry: providerEntry,
      args: [modulePath, dataDirectory],
      read: [providerEntry, modulePath],
      write: [dataDirectory],
      cwd: dataDirectory,
      network: grants.includes('net'),
      // SQLite opens files past the permission model, so only a provider that was granted it gets it.
      allow: grants.includes('node:sqlite') ? ['--experimental-sqlite'] : [],
      nodeFlags: [`--max-old-space-size=${limits.heapMegabytes}`, '--max-semi-space-size=4'],
      memoryMegabytes: limits.memoryMegabytes,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
  } catch (cause) {
    throw new TeapotError('provider/does-not-start', (cause as Error).message, { kind: 'fault', cause })
  }
}
