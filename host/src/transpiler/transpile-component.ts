import { entryInterfaces } from '../abi/component/entry-points.ts'
import { linkImports, waitingImports } from '../abi/component/interfaces.ts'
import { type ComponentManifest, MANIFEST_PART, SCRIPT_PART } from '../abi/component/manifest.ts'
import { type PrepareSettings, prepareModule } from '../wasm/prepare-module.ts'
import { encodeBundle } from './bundle.ts'
import { runGenerator } from './generator.ts'
import { readSignatures } from './signatures.ts'
import { markOf, readSkeleton } from './skeleton.ts'

/**
 * Makes a bundle of a component (spec/host.md §3.7): names and imports checked, its core modules as {@link prepareModule} leaves them.
 * The same component and settings give the same bytes.
 * @throws GuestFault `bad-module`, `forbidden-import`
 */
export async function transpileComponent(component: Uint8Array, settings: PrepareSettings): Promise<Uint8Array> {
  const { bytes: skeleton, modules, imports, exports, names } = readSkeleton(component)
  const waits = waitingImports(linkImports(imports))
  // Where the host knows no interface to call, it calls functions by their types.
  const declare = entryInterfaces(exports).length === 0
  const own = modules.map((module) => prepareModule(module, settings).bytes)
  const generated = await runGenerator(skeleton, { waits, exports: names, declare })
  const signatures = declare ? { signatures: readSignatures(generated.declarations) } : {}
  const manifest: ComponentManifest = { imports, exports, ...signatures }
  const parts = new Map<string, Uint8Array>([
    [SCRIPT_PART, generated.script],
    [MANIFEST_PART, Buffer.from(JSON.stringify(manifest))],
  ])
  for (const [name, bytes] of generated.modules) {
    // Without a mark it is an adapter, by which jco joins components: held to the same limits.
    const mark = markOf(bytes)
    parts.set(name, mark === undefined ? prepareModule(bytes, settings).bytes : own[mark]!)
  }
  return encodeBundle(parts)
}
