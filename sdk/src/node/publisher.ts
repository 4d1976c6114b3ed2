import { createTransactionQueue, type Deployment } from '@teapot-network/ledger'
import { type Digest, digestOf, type Hex, type LedgerFacts, utf8 } from '@teapot-network/trust'
import { type Publication, type Published, publish } from '../publish.ts'

/** How a publisher is set up. */
export interface PublisherOptions {
  rpcUrls: readonly string[]
  deployment: Deployment
  /** The key that owns the names, and pays. */
  developerKey: Hex
  /** Where transactions are kept until they are mined; one file a key. */
  queueFile: string
  /** The ledger, to find nodes that take the bytes. */
  facts(signal?: AbortSignal): Promise<LedgerFacts>
  signal?: AbortSignal
}

/** Puts code and pages on the ledger and onto nodes. */
export interface Publisher extends AsyncDisposable {
  /** @see publish. @throws LedgerRevert `ledger/reverted` when the name is another's or the version is not above the last one */
  publish(publication: Publication): Promise<Published>
}

/** Opens the developer's transaction queue. */
export function createPublisher(options: PublisherOptions): Publisher {
  const { rpcUrls, deployment, developerKey, queueFile, facts, signal } = options
  const queue = createTransactionQueue({ rpcUrls, deployment, privateKey: developerKey, queueFile })
  const waiting = signal === undefined ? {} : { signal }
  return {
    publish: (publication) =>
      publish(publication, {
        facts,
        ...waiting,
        announce: ({ name, kind, version, sha256, cid, grants }) => {
          const args = [name, kind, BigInt(version), sha256, cid, grants] as const
          return queue.send({ contract: 'codeRegistry', functionName: 'publish', args }, waiting)
        },
      }),
    [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
  }
}

/** The committee's word on what was published. In a devnet one development key stands in for it. */
export interface Committee extends AsyncDisposable {
  /** Makes a published version the current one. */
  approve(name: string, version: number): Promise<void>
}

/** Opens the committee's transaction queue. */
export function createCommittee(
  options: Pick<PublisherOptions, 'rpcUrls' | 'deployment' | 'queueFile' | 'signal'> & { committeeKey: Hex },
): Committee {
  const { rpcUrls, deployment, committeeKey, queueFile, signal } = options
  const queue = createTransactionQueue({ rpcUrls, deployment, privateKey: committeeKey, queueFile })
  return {
    async approve(name, version) {
      const nameHash: Digest = digestOf(utf8(name))
      const args = [nameHash, BigInt(version)] as const
      const waiting = signal === undefined ? {} : { signal }
      await queue.send({ contract: 'codeRegistry', functionName: 'approve', args }, waiting)
    },
    [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
  }
}
