import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeCbor } from '@teapot-network/trust'

/** Finds a part of what the maker says, by the file's name under which an operator keeps it. */
type Find = (name: string) => Promise<Uint8Array | undefined>

const ENTRY_BYTES = 24
/** GUIDs of SNP certificates, in the table's byte order, and the files that stand for them. */
const CERTIFICATES: Readonly<Record<string, string>> = {
  '63da758de6644564adc5f4b93be8accd': 'leaf.der', // VCEK
  a8074bc2a25a483eaae639c045a0b8a1: 'leaf.der', // VLEK
  '4ab7b379bbac4fe4a02f05aef327c782': 'intermediate.der', // ASK, ASVK
}

/**
 * What goes with a report (spec/tee.md): of TDX, Intel's collateral from the operator's folder (`tdx.json`); of SNP, the certificates that
 * the host hands out or the operator keeps (`leaf.der`, `intermediate.der`), and AMD's revocation list where the operator keeps one
 * (`crl.der`).
 * @param table an SNP host's, may be empty
 * @throws Error when a part is missing
 */
export async function findCollateral(kind: 'tdx' | 'sev-snp', table: Uint8Array, folder?: string): Promise<Uint8Array> {
  const host = parseCertificateTable(table)
  const find: Find = async (name) => host[name] ?? (folder === undefined ? undefined : readKept(join(folder, name)))
  const need = async (name: string): Promise<Uint8Array> => {
    const found = await find(name)
    if (!found)
      throw new Error(`a report without ${name}, neither from the host nor in ${folder ?? 'a folder, as none is set'}`)
    return found
  }
  if (kind === 'tdx') return need('tdx.json')
  return encodeCbor([await need('leaf.der'), await need('intermediate.der'), (await find('crl.der')) ?? null])
}

/**
 * Reads the table that an SNP host hands out: entries of GUID, offset and length (little-endian), up to one of zeros (AMD 56421, GHCB
 * Standardization 2.03, §4.1.8.1). Gives its certificates by the files that stand for them.
 * @throws Error for a table whose entries point outside
 */
export function parseCertificateTable(table: Uint8Array): Record<string, Uint8Array> {
  const view = new DataView(table.buffer, table.byteOffset, table.length)
  const found: Record<string, Uint8Array> = {}
  for (let at = 0; at + ENTRY_BYTES <= table.length; at += ENTRY_BYTES) {
    const guid = Buffer.from(table.subarray(at, at + 16)).toString('hex')
    if (/^0+$/.test(guid)) break
    const [from, length] = [view.getUint32(at + 16, true), view.getUint32(at + 20, true)]
    if (from + length > table.length) throw new Error(`a certificate table that ends before ${from + length} bytes`)
    const name = CERTIFICATES[guid]
    if (name) found[name] = table.slice(from, from + length)
  }
  return found
}

function readKept(path: string): Promise<Uint8Array | undefined> {
  return readFile(path).then(
    (bytes) => new Uint8Array(bytes),
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    },
  )
}
