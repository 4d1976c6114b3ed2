import { randomBytes } from 'node:crypto'
import {
  type Digest,
  type Evidence,
  encodeCbor,
  equalBytes,
  type NodeId,
  type NodeRecord,
  shapeOf,
  TeapotError,
} from '@teapot-network/trust'
import type { Lattice } from '../lattice/lattice.ts'
import { makeCredential } from '../tpm/make-credential.ts'
import { openDurableJson } from './durable-json.ts'

/** The AKs that this Verifier has itself shown to live beside their EK. */
export interface EnrolmentBook {
  /**
   * Runs credential activation with the node unless it was done before for this AK and EK.
   * @throws TeapotError `attest/not-activated` when the node's TPM did not release the secret.
   */
  require(node: NodeRecord, evidence: Evidence, address: string, signal: AbortSignal): Promise<void>
}

/** Opens the book kept at `path`. Activation convinces only the one who ran it, so each Verifier keeps its own (spec/lattice.md §5). */
export async function openEnrolmentBook(path: string, lattice: Pick<Lattice, 'request'>): Promise<EnrolmentBook> {
  const book = await openDurableJson(path, [] as [NodeId, Digest][])
  const done = new Map(book.value)

  return {
    async require(node, evidence, address, signal) {
      if (done.get(node.id) === node.ekDigest) return
      const secret = randomBytes(32)
      const { credentialBlob, encryptedSecret } = makeCredential(evidence.ek[0]!, node.id, evidence.ak, secret)
      const request = encodeCbor([credentialBlob, encryptedSecret])
      const { body } = await lattice.request(address, 'activate', request, signal)
      if (!equalBytes(body, secret)) {
        throw new TeapotError(
          'attest/not-activated',
          `Cannot enrol ${node.id}: expected its TPM to release the secret made for its EK and AK, found another`,
        )
      }
      done.set(node.id, node.ekDigest)
      await book.save([...done])
    },
  }
}

const shape = shapeOf('attest/bad-request', 'request')

/** Reads what a Verifier sent for activation: CBOR `[credential blob, encrypted secret]`. @throws TeapotError `attest/bad-request` */
export function parseActivation(body: Uint8Array): { credentialBlob: Uint8Array; encryptedSecret: Uint8Array } {
  const [blob, secret] = shape.array(shape.decode(body), 'request', 2)
  return {
    credentialBlob: shape.bytes(blob, 'credential blob'),
    encryptedSecret: shape.bytes(secret, 'encrypted secret'),
  }
}
