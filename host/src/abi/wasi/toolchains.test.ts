import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { image, openHost, refusal } from '../../testing/open-host.ts'

const GUIDE = new URL('../../../../docs/how-to/wasi-commands.md', import.meta.url)
const TARGET = 'wasm32-wasip1'

/** Whether a program ends well; not when there is none. */
const runs = (program: string, args: string[], input = '') => spawnSync(program, args, { input }).status === 0

const clang = runs('clang', ['--target=wasm32-wasi', '-fsyntax-only', '-x', 'c', '-'], '#include <stdio.h>')
const libraries = spawnSync('rustc', ['--print', 'target-libdir', '--target', TARGET], { encoding: 'utf8' }).stdout
const rust = existsSync(libraries?.trim() ?? '')

/** Compiles the guide's example in a language, and calls it. */
async function tryExample(language: string, compile: (from: string, to: string) => [string, string[]]): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'teapot-wasi-'))
  await using host = await openHost({ limits: { deadlineMs: 30_000 } })
  try {
    const example = (await readFile(GUIDE, 'utf8')).split(`\`\`\`${language}\n`)[1]!.split('```')[0]!
    const [from, to] = [join(directory, `words.${language}`), join(directory, 'words.wasm')]
    await writeFile(from, example)
    const [program, args] = compile(from, to)
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
    expect(status, stderr).toBe(0)
    await host.load(image('words', await readFile(to), { grants: ['wasi:filesystem'] }))
    const call = async (operation: string) => {
      const { payload } = await host.call({ actor: 'words', operation, payload: Buffer.from('Oolong  and sencha') })
      return Buffer.from(payload).toString()
    }
    expect(await call('Upper')).toBe('OOLONG  AND SENCHA')
    if (example.includes('Count')) expect(await call('Count')).toBe('3')
    const counted = { actor: 'words', operation: language === 'rust' ? 'Count' : 'Upper', payload: Buffer.from('a b') }
    const first = await host.call({ ...counted, trace: true })
    const again = await host.call({ ...counted, replay: first.trace! })
    expect([again.payload, again.fuel]).toEqual([first.payload, first.fuel])
    expect(await refusal(call('Brew'))).toMatchObject({
      code: 'host/actor-error',
      message: expect.stringMatching(/^exit code 2: expected Upper.*, found Brew$/),
    })
  } finally {
    await rm(directory, { recursive: true })
  }
}

test.skipIf(!clang)('The guide’s command in C is built and answers (needs a compiler for WASI)', () =>
  tryExample('c', (from, to) => ['clang', ['--target=wasm32-wasi', '-O2', '-s', '-o', to, from]]),
)

test.skipIf(!rust)('The guide’s command in Rust is built and answers (needs a compiler for WASI)', () =>
  tryExample('rust', (from, to) => ['rustc', ['--edition', '2021', '-O', '--target', TARGET, '-o', to, from]]),
)
