import { createCipheriv, createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { importBytes } from 'ipfs-unixfs-importer'
import { expect, test } from 'vitest'
import { writeDirectory, writeFile } from './dag.ts'

interface Vector {
  case: 'text' | 'bytes' | 'dir' | 'emptydir'
  cid: string
  text?: string
  size?: number
  seed?: string
  files?: number
  nameLen?: number
  lastNameLen?: number
}

const VECTORS = new URL('../../../shared/samples/content/ipip-0499/vectors.json', import.meta.url)
const MAX_VECTOR_BYTES = 2 ** 26
const nowhere = { put: async <T>(cid: T) => cid }

if (existsSync(VECTORS)) {
  const vectors: Vector[] = JSON.parse(readFileSync(VECTORS, 'utf8'))['unixfs-v1-2025']
  for (const vector of vectors) {
    const title = `profile unixfs-v1-2025: ${vector.case} ${vector.size ?? vector.files ?? ''} has the CID that IPIP-499 gives`
    test.skipIf((vector.size ?? 0) > MAX_VECTOR_BYTES)(title, async () => {
      expect((await write(vector)).toString()).toBe(vector.cid)
    })
  }
} else {
  console.warn(`SKIPPED: CID parity needs the vectors of IPIP-499 at ${VECTORS.pathname}`)
  test.skip('profile unixfs-v1-2025 gives the CIDs of IPIP-499')
}

test('bytes of 1 MiB and less have the same CID as one raw block and as UnixFS', async () => {
  for (const size of [0, 1, 2 ** 20]) {
    const bytes = new Uint8Array(size).fill(7)
    const { cid } = await importBytes(bytes, nowhere, { profile: 'unixfs-v1-2025' })
    expect((await writeFile(bytes, nowhere)).toString()).toBe(cid.toString())
  }
})

async function write({ case: kind, text, size, seed = '', files = 0, nameLen = 0, lastNameLen = 0 }: Vector) {
  if (kind === 'text') return writeFile(Buffer.from(text!), nowhere)
  if (kind === 'bytes') return writeFile(keystream(seed, size!), nowhere)
  return writeDirectory(
    names(files, nameLen, lastNameLen, seed).map((path) => ({ path, bytes: Buffer.from('x') })),
    nowhere,
  )
}

function keystream(seed: string, sizeBytes: number): Uint8Array {
  const key = createHash('sha256').update(seed).digest()
  return createCipheriv('chacha20', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes))
}

function names(count: number, length: number, lastLength: number, seed: string): string[] {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz01234567890-_'
  const letters = Array.from(keystream(seed, 2 ** 20), (byte) => alphabet[byte % alphabet.length]).join('')
  return Array.from({ length: count }, (_, i) => letters.substr(i * length, i === count - 1 ? lastLength : length))
}
