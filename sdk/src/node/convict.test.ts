import { mkdtemp, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { toHex } from '@teapot-network/trust'
import { encodeCheckpoint, encodeCheckpointHeader } from '@teapot-network/trust/encode'
import { expect, test } from 'vitest'
import type { Equivocation } from '../witness.ts'
import { saveEquivocation } from './convict.ts'

const word = (byte: number) => toHex(new Uint8Array(32).fill(byte))
const [first, second] = [1, 2].map((byte) => {
  const header = { node: word(9), log: 3, run: word(8), sequence: 7, size: 9, previousRoot: word(0) }
  const [protectedBytes, signature] = [encodeCheckpointHeader(header), new Uint8Array(64)]
  return {
    checkpoint: encodeCheckpoint({ protectedBytes, signature, root: word(byte) }),
    evidence: Uint8Array.of(byte),
  }
})
const found = { first, second } as Equivocation

test('what a node is convicted by is never there in part, however many keep it at once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'teapot-convict-'))
  try {
    const [file] = (await Promise.all(Array.from({ length: 8 }, () => saveEquivocation(found, folder)))) as [string]
    await using reader = await open(file)
    await saveEquivocation(found, folder)
    // What was opened before is left as it was, not written anew.
    expect((await reader.stat()).ino).not.toBe((await stat(file)).ino)
    expect(await reader.readFile()).toEqual(await readFile(file))
    expect(await readdir(folder)).toEqual([basename(file)])
  } finally {
    await rm(folder, { recursive: true })
  }
})
