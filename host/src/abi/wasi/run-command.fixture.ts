// `node run-command.fixture.ts JSON`: runs a WASI command with what no call can give it, several arguments and files from the start.
// JSON: {module, args, environment, root?} with paths; prints {exitCode, stdout, stderr, fault?} as JSON.

import { randomFillSync } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEFAULT_LIMITS } from '../../limits.ts'
import { FUEL_EXPORT, FuelGauge } from '../../wasm/fuel-gauge.ts'
import { prepareModule } from '../../wasm/prepare-module.ts'
import { Exit } from '../exit.ts'
import { stillWorld } from '../surroundings.fixture.ts'
import { createWasiImports, FILESYSTEM_GRANT } from './imports.ts'
import type { DirectoryNode, ScratchTree } from './scratch-tree.ts'

interface Request {
  readonly module: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly root?: string
}

const { module, args, environment, root } = JSON.parse(process.argv[2]!) as Request
const said = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
let instance: WebAssembly.Instance | undefined
let gauge: FuelGauge | undefined
const wasi = createWasiImports({
  surroundings: stillWorld({
    grants: root === undefined ? [] : [FILESYSTEM_GRANT],
    environment,
    wallClock: () => BigInt(Date.now()) * 1_000_000n,
    monotonicClock: () => process.hrtime.bigint(),
    random: (into) => void randomFillSync(into),
    sleep: (nanoseconds) => new Promise((resolve) => setTimeout(resolve, Number(nanoseconds / 1_000_000n) + 1)),
  }),
  memory: () => instance?.exports['memory'] as WebAssembly.Memory | undefined,
  args: ['command', ...args].map((text) => Buffer.from(text)),
  stdin: new Uint8Array(0),
  stdout: (bytes) => void said.stdout.push(Buffer.from(bytes)),
  stderr: (bytes) => void said.stderr.push(Buffer.from(bytes)),
  gauge: { charge: (units) => gauge?.charge(units) },
  suspends: true,
})

function copyInto(tree: ScratchTree, into: DirectoryNode, from: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const path = join(from, entry.name)
    if (entry.isDirectory()) copyInto(tree, tree.createDirectory(into, entry.name), path)
    else if (entry.isFile()) tree.write(tree.createFile(into, entry.name), 0, readFileSync(path))
  }
}

async function run(): Promise<string | undefined> {
  const { memoryPages: maxPages, tableElements: maxTableElements, fuel } = DEFAULT_LIMITS
  const prepared = prepareModule(readFileSync(module), { maxPages, maxTableElements })
  instance = new WebAssembly.Instance(new WebAssembly.Module(prepared.bytes), wasi.imports)
  gauge = new FuelGauge([instance.exports[FUEL_EXPORT] as WebAssembly.Global], fuel)
  try {
    await WebAssembly.promising(instance.exports['_start'] as WebAssembly.GuestFunction)()
    return undefined
  } catch (error) {
    return wasi.ended instanceof Exit ? undefined : String(error)
  }
}

if (root !== undefined) copyInto(wasi.tree!, wasi.tree!.root, root)
const fault = await run()
const [stdout, stderr] = [said.stdout, said.stderr].map((parts) => Buffer.concat(parts).toString())
const exitCode = wasi.ended instanceof Exit ? wasi.ended.code : 0
console.log(JSON.stringify({ exitCode, stdout, stderr, fault }))
