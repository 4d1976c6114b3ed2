/// <reference path="../../../host/src/webassembly.d.ts" />
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { FUEL_EXPORT, prepareModule } from '@teapot-network/host/wasm'
import type { CaseResult } from '../suite.ts'
import { loadScript, type Script } from './load-script.ts'
import { ScriptRun } from './run-script.ts'

/** All that the engine allows, so that nothing but the pass itself can make a difference. */
const SETTINGS = { maxPages: 65_536, maxTableElements: 10_000_000 }
const FULL = 1n << 60n
/** Proposals that the pass refuses by name (spec/host.md §8.4). */
const REFUSED = /threads|memory64|relaxed SIMD/

type Bytes = Uint8Array<ArrayBuffer>

const plain = (bytes: Bytes) => new WebAssembly.Module(bytes)
const metered = (bytes: Bytes) => new WebAssembly.Module(prepareModule(bytes, SETTINGS).bytes)

process.on('message', async (path: string) => {
  process.send!(await runFile(path))
})

/** Runs a script twice, as it is and through the pass. */
async function runFile(path: string): Promise<CaseResult> {
  const name = basename(path)
  const script = await loadScript(readFileSync(path, 'utf8'))
  const refused = findRefused(script)
  if (refused !== undefined) return { name, outcome: 'skipped', reason: `the pass refuses ${refused}` }
  const before = new ScriptRun(script, plain, () => {})
  try {
    before.run()
  } catch (error) {
    return { name, outcome: 'skipped', reason: `V8 by itself: ${(error as Error).message}` }
  }
  const after = new ScriptRun(script, metered, (exports) => {
    ;(exports[FUEL_EXPORT] as WebAssembly.Global).value = FULL
  })
  try {
    after.run()
  } catch (error) {
    return { name, outcome: 'failed', reason: (error as Error).message }
  }
  const other = after.traps.find((trap, i) => trap !== before.traps[i])
  if (other !== undefined) return { name, outcome: 'failed', reason: `expected the same traps, found ${other}` }
  return { name, outcome: 'passed' }
}

/** The proposal that keeps one of the modules from being metered. */
function findRefused({ commands }: Script): string | undefined {
  for (const { head, module } of commands) {
    if (head !== 'module' || module?.bytes === undefined) continue
    try {
      prepareModule(module.bytes, SETTINGS)
    } catch (error) {
      const found = REFUSED.exec((error as Error).message)
      if (found !== null) return found[0]
    }
  }
  return undefined
}
