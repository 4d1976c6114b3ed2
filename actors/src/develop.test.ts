import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DevelopEvent, type Development, developActor, type Language, newActor } from './index.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teapot-develop-'))
})
afterAll(() => rm(folder, { recursive: true }))

interface More {
  capabilities?: string[]
  onEvent?: (event: DevelopEvent, directory: string) => void
}

/** An actor fresh from its template, being developed, and what was told of it. */
async function develop(name: string, language: Language, { capabilities = [], onEvent }: More = {}) {
  const directory = join(folder, name)
  await newActor(directory, language)
  const events: DevelopEvent[] = []
  const waiting: [version: number, resolve: () => void][] = []
  const bindings = capabilities.map((capability) => ({ name: 'default', capability }))
  const development: Development = await developActor({
    ...{ directory, name, settings: { bindings, limits: { deadlineMs: 30_000 } } },
    onEvent(event) {
      events.push(event)
      onEvent?.(event, directory)
      for (const [version, resolve] of waiting) if (event.type === 'loaded' && event.version === version) resolve()
    },
  })
  return {
    directory,
    development,
    events,
    loaded: (version: number) => new Promise<void>((resolve) => waiting.push([version, resolve])),
    ask: async (operation: string, payload = '') =>
      Buffer.from((await development.call(operation, Buffer.from(payload))).payload).toString(),
    edit: (file: string, from: string | RegExp, to: string) => edit(directory, file, from, to),
  }
}

/** At once: a watcher could find a file that is only emptied yet. */
function edit(directory: string, file: string, from: string | RegExp, to: string): void {
  const draft = join(directory, '.draft')
  writeFileSync(draft, readFileSync(join(directory, file), 'utf8').replace(from, to))
  renameSync(draft, join(directory, file))
}

// Two builds of TypeScript, each with an engine that starts and is transpiled, take what they take.
const SLOW_MS = 240_000

test.each([
  ['typescript', 'index.ts', "if (name === 'trap') throw new TypeError('no tea')"],
  ['assemblyscript', 'assembly/index.ts', "if (name == 'trap') unreachable()"],
] as const)(
  'An actor in %s answers, logs, is swapped when its source changes, and a failure points at its line',
  async (language, file, failing) => {
    const actor = await develop(`greeter-${language}`, language)
    await using _ = actor.development
    expect(await actor.ask('greet', 'Ada')).toBe('Hello, Ada!')
    expect(actor.events).toContainEqual({ type: 'log', text: 'greeting Ada' })
    await expect(actor.ask('greet')).rejects.toThrow('Expected a name, found nothing')

    const swapped = actor.loaded(2)
    actor.edit(file, /return (?=Result.ok|`)/, `${failing}\n  return `)
    await swapped
    const answer = await fetch(`${actor.development.url}/greet`, { method: 'POST', body: 'Bob' })
    expect(await answer.text()).toBe('Hello, Bob!')

    const lines = (await readFile(join(actor.directory, file), 'utf8')).split('\n')
    const place = `${file}:${lines.findIndex((line) => line.includes(failing)) + 1}:`
    const failed = await actor.ask('greet', 'trap').catch((error: Error) => error.message)
    const logged = actor.events.flatMap((event) => (event.type === 'log' ? [event.text] : []))
    expect(`${failed}\n${logged.join('\n')}`).toContain(place)
    for (const foreign of [{ method: 'POST', headers: { origin: 'https://evil.example' } }, { method: 'GET' }]) {
      expect(await (await fetch(`${actor.development.url}/greet`, foreign)).json()).toMatchObject({
        code: 'actors/foreign-request',
      })
    }
    const refused = await fetch(`${actor.development.url}/greet`, { method: 'POST', body: 'trap' })
    expect(refused.status).toBe(422)
  },
  SLOW_MS,
)

test('Source that does not compile, though changed under the first build, is told, and the version before goes on', async () => {
  const failed = Promise.withResolvers<DevelopEvent>()
  const actor = await develop('broken', 'assemblyscript', {
    onEvent(event, directory) {
      if (event.type === 'loaded') edit(directory, 'assembly/index.ts', 'export function', 'export fun')
      if (event.type === 'failed') failed.resolve(event)
    },
  })
  await using _ = actor.development
  expect(await failed.promise).toMatchObject({ message: expect.stringContaining('assembly/index.ts') })
  expect(await actor.ask('greet', 'Ada')).toBe('Hello, Ada!')
})

test(
  'A capability that a manifest binds is served by the provider that nodes run, and keeps its data',
  async () => {
    const actor = await develop('visits', 'typescript', { capabilities: ['wasi:keyvalue'] })
    await using _ = actor.development
    const swapped = actor.loaded(2)
    const call = "invoke('default', 'wasi:keyvalue', operation, Uint8Array.from(packed))"
    actor.edit(
      'index.ts',
      /^.*$/s,
      `import { invoke } from 'teapot:actor/host@0.1.0'
const text = (value: string) => [0xa0 | value.length, ...new TextEncoder().encode(value)]
function ask(operation: string, packed: number[]): Uint8Array { return ${call} }
export function visit(): Uint8Array { return ask('atomics.increment', [0x93, ...text('default'), ...text('n'), 1]) }`,
    )
    await swapped
    const visits = [
      await actor.development.call('visit', Buffer.alloc(0)),
      await actor.development.call('visit', Buffer.alloc(0)),
    ]
    expect(visits.map(({ payload }) => payload.at(-1))).toEqual([1, 2])
  },
  SLOW_MS,
)

test('A capability that nothing here serves is refused with what there is', async () => {
  await expect(develop('stranger', 'assemblyscript', { capabilities: ['wascc:teleport'] })).rejects.toMatchObject({
    code: 'actors/not-served-here',
    message: expect.stringMatching(/wascc:teleport.*wascc:keyvalue/),
  })
})
