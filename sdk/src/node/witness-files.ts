import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeCbor, encodeCbor, shapeOf } from '@teapot-network/trust'
import type { WitnessStore } from '../witness.ts'

const shape = shapeOf('sdk/witness-damaged', 'witness file, delete it to forget what was seen')

/**
 * Keeps what a witness saw in a folder, a file for each origin.
 * @throws TeapotError `sdk/witness-damaged`, `cbor/malformed` from `get` for a file that is not its own
 */
export function witnessFiles(folder: string): WitnessStore {
  const fileOf = (origin: string): string => join(folder, `${origin}.cbor`)
  return {
    async get(origin) {
      const bytes = await readFile(fileOf(origin)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
      })
      if (bytes === undefined) return undefined
      const [checkpoint, evidence] = shape.array(decodeCbor(new Uint8Array(bytes)), origin, 2)
      return { checkpoint: shape.bytes(checkpoint, 'checkpoint'), evidence: shape.bytes(evidence, 'evidence') }
    },
    async put(origin, { checkpoint, evidence }) {
      await mkdir(folder, { recursive: true })
      const draft = `${fileOf(origin)}.${process.pid}`
      await writeFile(draft, encodeCbor([checkpoint, evidence]))
      await rename(draft, fileOf(origin))
    },
  }
}
