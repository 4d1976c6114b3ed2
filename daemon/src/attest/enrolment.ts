import { randomBytes } from 'node:crypto'
import {
  type Digest,
  type Evidence,
  equalBytes,
  type NodeId,
  type NodeRecord,
  TeapotError,
} from '@teapot-network/trust'
import type { Lattice } from '../lattice/lattice.ts'
import { makeCredential } from '../tpm/make-credential.ts'
import { type Asker, encodeActivation } from './activation-gate.ts'
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
export async function openEnrolmentBook(
  path: string,
  lattice: Pick<Lattice, 'request'>,
  asker: Asker,
): Promise<EnrolmentBook> {
  const book = await openDurableJson(path, [] as [NodeId, Digest][])
  const done = new Map(book.value)

  return {
    async require(node, evidence, address, signal) {
      if (done.get(node.id) === node.ekDigest) return
      const secret = randomBytes(32)
      const sealed = makeCredential(evidence.ek[0]!, node.id, evidence.ak, secret)
      const request = await encodeActivation(asker, node.id, sealed)
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
