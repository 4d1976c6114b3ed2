import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ActorError, buildActor, inspectActor, newActor } from './index.ts'

const samples = (path: string) => fileURLToPath(new URL(`../samples/${path}`, import.meta.url))
const digest = ({ wasm }: { wasm: Uint8Array }) => createHash('sha256').update(wasm).digest('hex')
let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teapot-actors-'))
})
afterAll(() => rm(directory, { recursive: true }))

describe('building', () => {
  test('The same source gives the same bytes, also from elsewhere', async () => {
    const copy = join(directory, 'copy')
    for (const part of ['echo', 'lib']) await cp(samples(part), join(copy, part), { recursive: true })
    const [one, other] = [await buildActor(samples('echo')), await buildActor(join(copy, 'echo'))]
    expect(digest(other)).toBe(digest(one))
    expect(one.wasm.length).toBeLessThan(20_000)
  })

  test('A built actor is kept, and built again when its source changes', async () => {
    const cacheDirectory = join(directory, 'cache')
    const changing = join(directory, 'changing')
    await cp(samples('echo'), changing, { recursive: true })
    const first = await buildActor(changing, { cacheDirectory })
    const kept = await readdir(cacheDirectory)
    expect(digest(await buildActor(changing, { cacheDirectory }))).toBe(digest(first))
    expect(await readdir(cacheDirectory)).toEqual(kept)
    await writeFile(join(changing, 'assembly', 'more.ts'), 'export const more: i32 = 1\n')
    await buildActor(changing, { cacheDirectory })
    expect(await readdir(cacheDirectory)).toHaveLength(2 * kept.length)
  })

  test('Source that does not compile is refused with the compiler’s words', async () => {
    const broken = join(directory, 'broken', 'assembly')
    await mkdir(broken, { recursive: true })
    await writeFile(join(broken, 'index.ts'), 'export function __guest_call(: i32 {')
    const failed = await buildActor(join(directory, 'broken')).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(ActorError)
    expect(failed).toMatchObject({ code: 'actors/does-not-compile', message: expect.stringMatching(/expected/) })
  })

  test('TypeScript that does not parse is refused with the bundler’s words, and a directory without source says what was expected', async () => {
    const broken = join(directory, 'broken-typescript')
    await mkdir(broken)
    const nothing = { code: 'actors/no-source', message: expect.stringMatching(/assembly\/index.ts or index.ts/) }
    await expect(buildActor(broken)).rejects.toMatchObject(nothing)
    const junk = inspectActor(new Uint8Array(9))
    await expect(junk).rejects.toMatchObject({ code: 'actors/not-an-actor' })
    for (const there of [broken, join(directory, 'Upper')]) {
      await writeFile(join(broken, 'here'), '')
      await expect(newActor(there, 'typescript')).rejects.toMatchObject({ code: 'actors/cannot-create' })
    }
    await writeFile(join(broken, 'index.ts'), 'export function greet(: string {')
    await expect(buildActor(broken)).rejects.toThrow(/index\.ts:1:22.*Expected identifier/)
  })
})
