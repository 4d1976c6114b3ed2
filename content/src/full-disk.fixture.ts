// Fills the folder named on the command line through a block store; tells as JSON what came of it.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { TeapotError } from '@teapot-network/trust'
import type { CID } from 'multiformats/cid'
import { createBlockStore } from './block-store.ts'
import { cidOfRaw } from './cid.ts'

const dir = process.argv[2]!
const store = await createBlockStore({ dir, quotaBytes: 2 ** 30 })
const stored: CID[] = []
let code = 'none'
for (let seed = 1; seed < 100 && code === 'none'; seed++) {
  const bytes = new Uint8Array(200_000).fill(seed)
  try {
    stored.push(await store.put(cidOfRaw(bytes), bytes))
  } catch (error) {
    code = (error as TeapotError).code
  }
}
const leftovers = (await readdir(join(dir, 'tmp'))).length
const usedBytes = store.usage().usedBytes
let readable = 0
for (const cid of stored) if ((await store.read(cid)) !== undefined) readable++
await store.delete(stored[0]!)
const small = new Uint8Array(100_000)
await store.put(cidOfRaw(small), small)
const works = (await store.read(cidOfRaw(small))) !== undefined
process.stdout.write(JSON.stringify({ code, stored: stored.length, readable, usedBytes, leftovers, works }))
