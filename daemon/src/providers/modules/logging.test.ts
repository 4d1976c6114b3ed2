import { mkdtempSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask, isRefused, openWorkbench, type Workbench } from '../testing/open-providers.fixture.ts'

let bench: Workbench
beforeAll(async () => {
  bench = await openWorkbench('logging')
})
afterAll(() => bench[Symbol.asyncDispose]())

test('Lines of both faces are kept as JSON, and the files stay few and small', async () => {
  const dataDirectory = mkdtempSync(join(bench.folder, 'logs-'))
  await using supervisor = bench.supervise({ dataDirectory })
  await supervisor.load(bench.image('logging'))
  const log = (payload: unknown) => ask(supervisor, 'WriteLog', payload, { capability: 'wascc:logging' })
  const wasi = (...args: unknown[]) => ask(supervisor, 'logging.log', args, { capability: 'wasi:logging' })
  expect(await log({ level: 3, body: 'greeted\nTea' })).toBeUndefined()
  expect(await log([1, 'early'])).toBeUndefined()
  expect(await wasi('critical', 'kitchen', 'no water')).toBeNull()
  const lines = (await readFile(join(dataDirectory, 'logging', 'log.jsonl'), 'utf8')).trim().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { actor: 'greeter', binding: 'default', level: 'info', body: 'greeted\nTea' },
    { level: 'error', body: 'early' },
    { level: 'critical', context: 'kitchen', body: 'no water' },
  ])
  await Promise.all(Array.from({ length: 700 }, () => log({ level: 1, body: 'x'.repeat(20_000) })))
  const files = await readdir(join(dataDirectory, 'logging'))
  expect(files.sort()).toEqual(['log.jsonl', 'log.jsonl.1', 'log.jsonl.2', 'log.jsonl.3'])
  const malformed = { code: 'provider/malformed-payload' }
  for (const payload of [{ level: 9, body: '' }, { level: 3 }, 'x']) await isRefused(log(payload), malformed)
  await isRefused(wasi('loud', '', ''), malformed)
  await isRefused(wasi(3, '', ''), malformed)
})
