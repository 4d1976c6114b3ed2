import type { ChildProcess } from 'node:child_process'
import type { Confinement } from '@teapot-network/host'
import { TeapotError } from '@teapot-network/trust'
import type { ProviderLimits } from './protocol.ts'

/** How a provider process is started. */
export interface ProviderLaunch {
  readonly confinement: Confinement
  /** The bundled `provider.mjs`. */
  readonly providerEntry: string
  /** The very bytes that were measured: they pass through no file on their way, where the machine's owner could change them. */
  readonly module: Uint8Array
  readonly dataDirectory: string
  /** Its own grants (spec/host.md §6.2). The process gets what they name and nothing else. */
  readonly grants: readonly string[]
  /** What the machine's owner set for it. */
  readonly operator: Readonly<Record<string, unknown>>
}

/**
 * Starts the process and hands it its module; its frames go over fd 3.
 * @throws TeapotError `provider/does-not-start` when the machine refuses
 */
export function spawnProvider(launch: ProviderLaunch, limits: ProviderLimits): ChildProcess {
  const { confinement, providerEntry, module, dataDirectory, grants } = launch
  try {
    const child = confinement.spawn({
      entry: providerEntry,
      args: [dataDirectory],
      read: [providerEntry],
      write: [dataDirectory],
      cwd: dataDirectory,
      network: grants.includes('net'),
      // SQLite opens files past the permission model, so only a provider that was granted it gets it.
      allow: grants.includes('node:sqlite') ? ['--experimental-sqlite'] : [],
      nodeFlags: [`--max-old-space-size=${limits.heapMegabytes}`, '--max-semi-space-size=4'],
      memoryMegabytes: limits.memoryMegabytes,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    })
    // That it ended before it had read all is told by its end.
    child.stdin?.on('error', () => {}).end(module)
    return child
  } catch (cause) {
    throw new TeapotError('provider/does-not-start', (cause as Error).message, { kind: 'fault', cause })
  }
}
