import { ActorHost } from './actor-host.ts'
import type { Host, HostOptions } from './host.ts'
import { HostError } from './host-error.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { ModuleCache } from './module-cache.ts'
import { ModuleStore, type Transpiler } from './module-store.ts'
import { prepareSandboxCode } from './sandbox-code.ts'
import { WarmSpare } from './spare.ts'
import { createTranspiler } from './transpiler/transpile.ts'

/** No component without a transpiler. */
const NO_TRANSPILER: Transpiler = {
  version: '',
  transpile: () =>
    Promise.reject(
      new HostError('host/bad-module', 'Expected a core module, found a component and no transpiler here'),
    ),
}

/**
 * Starts a host and its warm spare.
 * @throws HostError `host/isolation-unavailable` when the level demanded can't be had; `host/sandbox-lost` when sandboxes cannot
 * be started here
 */
export async function createHost(options: HostOptions): Promise<Host> {
  const { nodePath, sandboxEntry, transpilerEntry, isolation = 'best' } = options
  const { cacheDirectory: directory, cacheKey: key } = options
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const maxBytes = limits.cacheBytes
  const cache = directory === undefined ? undefined : await ModuleCache.open({ directory, maxBytes, key })
  await using parts = new AsyncDisposableStack()
  const code = parts.use(await prepareSandboxCode({ nodePath, sandboxEntry, isolation }))
  const { confinement } = code
  const transpiler =
    transpilerEntry === undefined
      ? NO_TRANSPILER
      : parts.use(await createTranspiler({ confinement, entry: transpilerEntry, limits }))
  const spare = parts.use(new WarmSpare(code, limits))
  await spare.start()
  const modules = new ModuleStore(cache, transpiler)
  return new ActorHost({ options, limits, confinement, spare, modules, dispose: parts.move() })
}
