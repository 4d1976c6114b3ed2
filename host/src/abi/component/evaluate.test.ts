import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const EVALUATE = fileURLToPath(new URL('evaluate.ts', import.meta.url))
const FLAGS = ['--permission', `--allow-fs-read=${fileURLToPath(new URL('../../..', import.meta.url))}`]

/** What becomes of a script in a process like a sandbox's: tests run under a module loader of their own. */
async function outcomeOf(script: string): Promise<string> {
  const program = `
    const { evaluate } = await import(${JSON.stringify(EVALUATE)})
    const told = await evaluate(Buffer.from(${JSON.stringify(script)})).then((made) => String(made()), (error) => error.failure + ': ' + error.message)
    process.stdout.write(told)`
  const flags = [...FLAGS, '--disallow-code-generation-from-strings', '--input-type=module', '-e', program]
  return (await promisify(execFile)(process.execPath, flags, { env: {} })).stdout
}

test('A script gets WebAssembly, and neither the process nor the network', async () => {
  const seen =
    '[typeof WebAssembly, typeof globalThis.WebAssembly, typeof process, typeof globalThis.process, typeof fetch]'
  expect(await outcomeOf(`export function instantiate() { return ${seen} }`)).toBe(
    'object,object,undefined,undefined,undefined',
  )
})

test('A script that imports anything, cannot be read, or makes no instances is refused', async () => {
  for (const [script, reason] of [
    ["import fs from 'node:fs'\nexport const instantiate = () => fs", 'Expected no imports, found one of node:fs'],
    ["await import('node:fs')\nexport const instantiate = 1", 'Expected no imports'],
    ['export function instantiate( {', 'Unexpected'],
    ['export const instantiate = 1', 'exports no instantiate'],
  ] as const) {
    const outcome = await outcomeOf(script)
    expect(outcome).toMatch(/^bad-module: Expected a transpiled component/)
    expect(outcome).toContain(reason)
  }
})
