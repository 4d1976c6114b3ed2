import { equalBytes } from '../bytes.ts'
import { decodeCbor } from '../cbor.ts'
import { shapeOf } from '../cbor-shape.ts'
import type { ChainProblem } from '../certificate-chain.ts'
import { crlProblem, isRevoked, parseCrl, type RevocationList } from '../crl.ts'
import { DER, readDer, refuseDer } from '../der.ts'
import { TeapotError } from '../teapot-error.ts'
import { type EndorsedKey, endorsedKey, refuse } from '../tee.ts'
import type { Reason } from '../verdict.ts'
import { type Certificate, parseCertificate } from '../x509.ts'
import type { SnpReport } from './report.ts'
import { mapTcb, type SnpProduct, type SnpTcb } from './tcb.ts'

/** A root key of AMD's, and the processors it stands for. */
export interface SnpRoot {
  product: SnpProduct
  certificate: Certificate
}

/** What AMD says of a key that signs reports (AMD 57230, extensions of VCEK and VLEK certificates). */
export interface SnpEndorsement extends EndorsedKey {
  product: SnpProduct
  signer: SnpReport['signedBy']
  /** As the report has it, 64 bytes; undefined for a VLEK, which many processors of one cloud share. */
  chipId: Uint8Array | undefined
  tcb: SnpTcb
  /** What the root has revoked, where the collateral says. */
  list: RevocationList | undefined
}

const shape = shapeOf('snp/malformed', 'SEV-SNP collateral')
/** AMD's extensions begin with this; the arcs of the security versions follow. */
const AMD = '1.3.6.1.4.1.3704.1.'
const VERSIONS = { bootloader: '3.1', tee: '3.2', snp: '3.3', microcode: '3.8', fmc: '3.9' }
const [PRODUCT_NAME, HARDWARE_ID, CLOUD_ID] = ['2', '4', '5'] as const
const IA5_STRING = 0x16

/**
 * Reads and checks collateral: CBOR `[leaf, intermediate, revocation list or null]`, each DER (spec/tee.md §2). All but time is judged;
 * the failed step comes back where one fails.
 */
export async function endorse(collateral: Uint8Array, roots: readonly SnpRoot[]): Promise<SnpEndorsement | Reason> {
  let reading: 'tee/collateral' | 'tee/chain' | 'tee/revocation' = 'tee/collateral'
  try {
    const [leafDer, intermediateDer, listDer] = shape.array(decodeCbor(collateral), 'collateral', 3)
    const ders = [shape.bytes(leafDer, 'leaf'), shape.bytes(intermediateDer, 'intermediate')]
    reading = 'tee/chain'
    const [leaf, intermediate] = ders.map(parseCertificate) as [Certificate, Certificate]
    const root = roots.find(({ certificate }) => equalBytes(certificate.subject, intermediate.issuer))
    if (!root)
      return refuseEndorsement(reading, { expected: "AMD's root for Milan, Genoa or Turin", found: 'another', link: 1 })
    const key = await endorsedKey([leaf, intermediate], root.certificate)
    if ('found' in key) return refuseEndorsement(reading, key)
    const said = readExtensions(leaf, root.product)
    if (listDer === null) return { ...key, ...said, list: undefined }
    reading = 'tee/revocation'
    const list = parseCrl(shape.bytes(listDer, 'revocation list'))
    const problem = await crlProblem(list, root.certificate)
    if (problem) return refuseEndorsement(reading, problem)
    if (isRevoked(list, intermediate)) {
      return refuseEndorsement(reading, { expected: 'an intermediate that its root did not revoke', found: 'revoked' })
    }
    return { ...key, ...said, list }
  } catch (error) {
    if (!(error instanceof TeapotError)) throw error
    return refuseEndorsement(reading, { expected: 'collateral that can be read', found: error.message })
  }
}

/** The steps about what AMD says. */
export const TITLES = {
  'tee/collateral': 'What AMD says of the processor can be read',
  'tee/chain': "The key that signed is AMD's",
  'tee/revocation': "AMD's root did not revoke what stands between",
}

/** A failed one. */
export function refuseEndorsement(id: keyof typeof TITLES, problem: ChainProblem): Reason {
  return refuse(id, TITLES[id], problem, {
    source: 'AMD 57230, certificates of the Key Distribution Service',
    fix: "collect anew, with current certificates of AMD's Key Distribution Service",
  })
}

function readExtensions(leaf: Certificate, product: SnpProduct): Omit<SnpEndorsement, keyof EndorsedKey | 'list'> {
  const name = String.fromCharCode(...readExtension(leaf, PRODUCT_NAME, IA5_STRING))
  if (name.split('-')[0] !== product) refuseDer(`a key of ${product}`, `'${name.slice(0, 40)}'`)
  const isTurin = product === 'Turin'
  const tcb = mapTcb((part) => (part !== 'fmc' || isTurin ? readVersion(leaf, VERSIONS[part]) : 0))
  const id = leaf.extensions.get(AMD + HARDWARE_ID)
  if ((id === undefined) !== leaf.extensions.has(AMD + CLOUD_ID))
    refuseDer('the id of a processor or of a cloud', 'not one')
  if (!id) return { product, signer: 'VLEK', chipId: undefined, tcb }
  if (id.length !== (isTurin ? 8 : 64)) refuseDer(`an id of a processor of ${product}`, `${id.length} bytes`)
  const chipId = new Uint8Array(64)
  chipId.set(id)
  return { product, signer: 'VCEK', chipId, tcb }
}

function readExtension(leaf: Certificate, arcs: string, tag: number): Uint8Array {
  const reader = readDer(leaf.extensions.get(AMD + arcs) ?? refuseDer(`extension ${AMD}${arcs}`, 'none'))
  const { content } = reader.expect(tag)
  reader.end()
  return content
}

/** An INTEGER from 0 to 255. */
function readVersion(leaf: Certificate, arcs: string): number {
  const { length, 0: first, 1: second } = readExtension(leaf, arcs, DER.integer)
  if (length === 1 && first! < 128) return first!
  return length === 2 && first === 0 && second! >= 128 ? second! : refuseDer('an integer from 0 to 255', 'another')
}
