/**
 * Writes what is derived from the contracts: `src/contracts.gen.ts` (ABI and bytecode) and `contracts/storage-layout.json`, and from the
 * gas that was measured: `docs/gas.md`.
 * With `--check` writes nothing and fails if either is not current. With `--unoptimized` the compiler is seven times as fast, for trials.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Artifact, CONTRACTS, compile, SAMPLES } from './compile.ts'
import { gasPage } from './gas-page.ts'

const artifacts = compile({ optimized: !process.argv.includes('--unoptimized') })
const files = {
  'src/contracts.gen.ts': contractsModule(),
  'contracts/storage-layout.json': storageLayout(),
  '../docs/gas.md': gasPage(
    JSON.parse(readFileSync(new URL('../contracts/gas-snapshot.json', import.meta.url), 'utf8')),
  ),
}
const stale: string[] = []

for (const [name, text] of Object.entries(files)) {
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url))
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue
  stale.push(name)
  if (!process.argv.includes('--check')) writeFileSync(path, text)
}
if (stale.length > 0 && process.argv.includes('--check')) {
  console.error(`Not current: ${stale.join(', ')}. Run: npm run generate -w @teapot-network/ledger`)
  process.exitCode = 1
} else {
  console.log(stale.length > 0 ? `Wrote ${stale.join(', ')}` : 'All current')
}

function contractsModule(): string {
  const parts = [...CONTRACTS, ...SAMPLES].map((name) => {
    const { abi, bytecode } = artifacts[name]
    const variable = name[0]!.toLowerCase() + name.slice(1)
    const items = abi.map((item) => `  ${JSON.stringify(item)},\n`).join('')
    return `export const ${variable}Abi = [\n${items}] as const\n\nexport const ${variable}Bytecode =\n  '${bytecode}'\n`
  })
  return `// Generated from contracts/ by scripts/generate.ts. Do not edit.\n\n${parts.join('\n')}`
}

function storageLayout(): string {
  const layouts = Object.fromEntries(CONTRACTS.map((name) => [name, slots(artifacts[name].storageLayout)]))
  return `${JSON.stringify(layouts, null, 2)}\n`
}

/** Label and type by slot and offset. */
function slots({ storage, types }: Artifact['storageLayout']): Record<string, Record<string, string>> {
  const layout = (items: Artifact['storageLayout']['storage']) =>
    Object.fromEntries(items.map((s) => [`${s.slot}+${s.offset}`, `${s.label}: ${types?.[s.type]?.label ?? s.type}`]))
  const structs = Object.values(types ?? {}).filter((type) => type.members)
  return Object.fromEntries([
    ['storage', layout(storage)],
    ...structs.map((type) => [type.label, layout(type.members!)] as const).sort((a, b) => (a[0] < b[0] ? -1 : 1)),
  ])
}
