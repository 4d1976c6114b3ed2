import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DevelopEvent, type Development, developActor, type Language, newActor } from './index.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teapot-develop-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** An actor fresh from its template, being developed, and what was told of it. */
async function develop(name: string, language: Language, capabilities: string[] = []) {
  const directory = join(folder, name)
  await newActor(directory, language)
  const events: DevelopEvent[] = []
  const waiting: [(event: DevelopEvent) => boolean, (event: DevelopEvent) => void][] = []
  const bindings = capabilities.map((capability) => ({ name: 'default', capability }))
  const development: Development = await developActor({
    ...{ directory, name, settings: { bindings, limits: { deadlineMs: 20_000 } } },
    onEvent(event) {
      events.push(event)
      for (const [wanted, resolve] of waiting) if (wanted(event)) resolve(event)
    },
  })
  return {
    directory,
    development,
    events,
    next: (wanted: (event: DevelopEvent) => boolean) =>
      new Promise<DevelopEvent>((resolve) => waiting.push([wanted, resolve])),
    ask: async (operation: string, payload = '') =>
      Buffer.from((await development.call(operation, Buffer.from(payload))).payload).toString(),
    edit: async (file: string, from: string | RegExp, to: string) => {
      const path = join(directory, file)
      await writeFile(path, (await readFile(path, 'utf8')).replace(from, to))
    },
  }
}

const isVersion = (version: number) => (event: DevelopEvent) => event.type === 'loaded' && event.version === version

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

    const swapped = actor.next(isVersion(2))
    await actor.edit(file, /return (?=Result.ok|`)/, `${failing}\n  return `)
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
  120_000,
)

test('Source that does not compile is told, and the version before goes on', async () => {
  const actor = await develop('broken', 'assemblyscript')
  await using _ = actor.development
  const failed = actor.next(({ type }) => type === 'failed')
  await actor.edit('assembly/index.ts', 'export function', 'export fun')
  expect(await failed).toMatchObject({ message: expect.stringContaining('assembly/index.ts') })
  expect(await actor.ask('greet', 'Ada')).toBe('Hello, Ada!')
}, 120_000)

test('A capability that a manifest binds is served by the provider that nodes run, and keeps its data', async () => {
  const actor = await develop('visits', 'typescript', ['wasi:keyvalue'])
  await using _ = actor.development
  const swapped = actor.next(isVersion(2))
  const call = "invoke('default', 'wasi:keyvalue', operation, Uint8Array.from(packed))"
  await writeFile(
    join(actor.directory, 'index.ts'),
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
}, 120_000)

test('A capability that nothing here serves is refused with what there is', async () => {
  await expect(develop('stranger', 'assemblyscript', ['wascc:teleport'])).rejects.toMatchObject({
    code: 'actors/not-served-here',
    message: expect.stringMatching(/wascc:teleport.*wascc:keyvalue/),
  })
})
