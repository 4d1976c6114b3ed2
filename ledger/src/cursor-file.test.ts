import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Cursor, readCursor, writeCursor } from './cursor-file.ts'

const block = (number: number) => ({ number, hash: `0x${number.toString(16).padStart(64, '0')}` as const })
const cursor: Cursor = { source: '31337 0xab', passed: [block(3), block(4), block(9)] }
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teapot-cursor-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the cursor file', () => {
  it('gives back what was written, and leaves nothing else behind', async () => {
    const file = join(folder, 'cursor.json')
    expect(await readCursor(file, cursor.source)).toBeUndefined()
    await writeCursor(file, cursor)
    expect(await readCursor(file, cursor.source)).toEqual(cursor)
    expect(await readdir(folder)).toEqual(['cursor.json'])
  })

  it('refuses a file cut anywhere', async () => {
    const file = join(folder, 'cut.json')
    const text = JSON.stringify(cursor)
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), async (length) => {
        await writeFile(file, text.slice(0, length))
        await expect(readCursor(file, cursor.source)).rejects.toMatchObject({ code: 'ledger/cursor-malformed' })
      }),
    )
  })

  it('refuses the cursor of another network, and one that makes no sense', async () => {
    const file = join(folder, 'odd.json')
    const bad: unknown[] = [null, [], 7, { ...cursor, source: '1 0xab' }, { ...cursor, passed: 'x' }]
    const odd = [null, {}, { number: 1.5, hash: block(1).hash }, { number: 1, hash: '0x' }, block(-1)]
    bad.push(...odd.map((one) => ({ ...cursor, passed: [one] })), { ...cursor, passed: [block(2), block(2)] })
    for (const value of bad) {
      await writeFile(file, JSON.stringify(value))
      const read = readCursor(file, cursor.source)
      await expect(read, JSON.stringify(value)).rejects.toMatchObject({ code: 'ledger/cursor-malformed' })
    }
  })
})
