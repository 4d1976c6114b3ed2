import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildModule, PROVIDER_ENTRIES } from '../../boot/build-image.ts'
import { ask, isRefused, openWorkbench } from '../testing/open-providers.fixture.ts'

const ROOT = resolve(import.meta.dirname, '../../../..')
const HOW_TO = 'docs/how-to/add-a-provider.md'

/** What providers are built from, in another place. */
let elsewhere: string
beforeAll(() => {
  elsewhere = realpathSync(mkdtempSync(join(tmpdir(), 'teapot-elsewhere-')))
  const needed = [
    'daemon/src/providers',
    'host/src/frames.ts',
    'host/src/message-pack.ts',
    'host/package.json',
    'package.json',
  ]
  needed.push('node_modules/@redis/client')
  const filter = (path: string) => !/\.(map|d\.ts|test\.ts)$/.test(path)
  for (const path of needed) cpSync(join(ROOT, path), join(elsewhere, path), { recursive: true, filter })
  mkdirSync(join(elsewhere, 'node_modules/@teapot-network'))
  symlinkSync('../../host', join(elsewhere, 'node_modules/@teapot-network/host'))
})
afterAll(() => rmSync(elsewhere, { recursive: true, force: true }))

async function build(root: string, source: string): Promise<string> {
  const outFile = join(elsewhere, 'out', `${Math.random()}.mjs`)
  await buildModule({ source, outFile, root })
  return readFileSync(outFile, 'utf8')
}

const sources = Object.entries(PROVIDER_ENTRIES).map(([name, { source }]) => [name, source])

test.each([...sources, ['the process of a provider', 'daemon/src/providers/child.ts']])(
  '%s is built to one file, the same in two places and without a path of either',
  async (_name, source) => {
    const [here, there] = await Promise.all([build(ROOT, source!), build(elsewhere, source!)])
    expect(here === there).toBe(true)
    for (const path of [ROOT, elsewhere, process.cwd(), tmpdir()]) expect(here.includes(`${path}/`), path).toBe(false)
    const imported = [...here.matchAll(/^import .* from ?"([^"]+)"/gm)].map(([, name]) => name!)
    expect(imported.filter((name) => !name.startsWith('node:'))).toEqual([])
  },
)

test('The provider of the how-to does what it says', async () => {
  const [, example = ''] = /```ts\n([\s\S]+?)```/.exec(readFileSync(join(ROOT, HOW_TO), 'utf8')) ?? []
  const source = 'daemon/src/providers/modules/dice.ts'
  writeFileSync(join(elsewhere, source), example)
  await using bench = await openWorkbench()
  await buildModule({ source, outFile: bench.file('dice'), root: elsewhere })
  await using supervisor = bench.supervise({ operator: { dice: { mostSides: 6 } } })
  await supervisor.load(bench.image('dice'))
  const roll = (sides: unknown, settings = {}) =>
    ask(supervisor, 'Roll', { sides }, { capability: 'example:dice', settings })
  expect(await roll(1)).toEqual({ value: 1 })
  expect(await roll(6, { loaded: 'yes' })).toEqual({ value: 6 })
  await isRefused(roll(7), 'provider/no-such-dice')
  await isRefused(roll('many'), 'provider/malformed-payload')
})
