import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const PEM = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g

/** The certificates in a folder's files, each DER, or PEM with one or more, in the order of the files' names. @returns DER */
export async function readIssuers(folder: string): Promise<Uint8Array[]> {
  const names = (await readdir(folder)).sort()
  const files = await Promise.all(names.map((name) => readFile(join(folder, name))))
  return files.flatMap((bytes) => {
    const blocks = [...bytes.toString('latin1').matchAll(PEM)].map(([, block]) => Buffer.from(block!, 'base64'))
    return blocks.length > 0 ? blocks : [bytes]
  })
}
