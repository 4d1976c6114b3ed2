import {
  type CheckpointSummary,
  type Digest,
  decodeCbor,
  encodeCbor,
  fromHex,
  type NodeId,
  shapeOf,
  TeapotError,
  verifyConsistency,
} from '@teapot-network/trust'
import { openDurableJson } from './durable-json.ts'

/** What this Verifier knows of each node's receipt log, on disk (spec/rounds.md §6). */
export interface CheckpointBook {
  /**
   * Takes in what a node quoted; resolves once it is on disk. From then on it alone is known.
   * @param evidence digest of the evidence that quotes it
   * @param prove asks the node for the hashes that lead from one size of this log to another
   * @throws TeapotError `attest/log-not-extended` when it does not continue all that is known
   */
  extend(
    node: NodeId,
    checkpoint: CheckpointSummary,
    evidence: Digest,
    prove: (from: number, to: number) => Promise<Uint8Array[]>,
  ): Promise<void>
  /** Takes in besides what another Verifier was shown of a node, its AK's quote checked: the node has to continue that as well. */
  learn(node: NodeId, checkpoint: CheckpointSummary, evidence: Digest): Promise<void>
  /** Digest of the evidence whose checkpoint was taken in last, or else learnt first; undefined where nothing is known. */
  witnessed(node: NodeId): Digest | undefined
}

type Page = CheckpointSummary & { evidence: Digest }
/** A node that shows more histories than this has not come back by itself. */
const MOST_PAGES = 8

/** Opens the book kept at `path`. @throws TeapotError `attest/bad-notes` */
export async function openCheckpointBook(path: string): Promise<CheckpointBook> {
  const book = await openDurableJson(path, [] as [NodeId, Page[]][])
  const known = new Map(book.value)
  const write = (node: NodeId, pages: Page[]) => book.save([...known.set(node, pages)])
  return {
    witnessed: (node) => known.get(node)?.[0]?.evidence,
    async learn(node, checkpoint, evidence) {
      const pages = known.get(node) ?? []
      const isNew = pages.every((page) => textOf(page) !== textOf(checkpoint))
      if (isNew && pages.length < MOST_PAGES) await write(node, [...pages, { ...checkpoint, evidence }])
    },
    async extend(node, checkpoint, evidence, prove) {
      const held = new Set<Page>()
      // What is learnt while the node takes its time to prove counts as well.
      const next = () => known.get(node)?.find((page) => !held.has(page))
      for (let page = next(); page; page = next()) {
        if (!(await continues(page, checkpoint, prove))) {
          throw new TeapotError(
            'attest/log-not-extended',
            `Cannot affirm ${node}: expected a log that continues ${textOf(page)}, found ${textOf(checkpoint)}; a log that lost something is closed by raising its number`,
          )
        }
        held.add(page)
      }
      const pages = known.get(node) ?? []
      if (pages.length !== 1 || pages[0]!.evidence !== evidence) await write(node, [{ ...checkpoint, evidence }])
    },
  }
}

/** Whether the later checkpoint is of a newer log, or of the same with the earlier one's leaves at its beginning. */
async function continues(
  known: CheckpointSummary,
  now: CheckpointSummary,
  prove: (from: number, to: number) => Promise<Uint8Array[]>,
): Promise<boolean> {
  if (now.log !== known.log) return now.log > known.log
  if (now.sequence < known.sequence || now.size < known.size) return false
  if (now.sequence === known.sequence && now.size !== known.size) return false
  const path = 0 < known.size && known.size < now.size ? await prove(known.size, now.size) : []
  return verifyConsistency(known.size, fromHex(known.root), now.size, fromHex(now.root), path)
}

function textOf({ log, sequence, size, root }: CheckpointSummary): string {
  return `log ${log} at checkpoint ${sequence} with ${size} leaves and root ${root}`
}

const answer = shapeOf('attest/bad-answer', 'answer')
const question = shapeOf('attest/bad-request', 'request')

/** Reads the answer to `consistency`: CBOR array of hashes. @throws TeapotError `attest/bad-answer`, `cbor/malformed` */
export function parseHashes(body: Uint8Array): Uint8Array[] {
  return answer.array(decodeCbor(body), 'hashes').map((hash, i) => answer.bytes(hash, `hashes[${i}]`, 32))
}

/** What a receipt log can show of itself. */
export interface ProvenLog {
  checkpoint(): CheckpointSummary
  /** @throws TeapotError `receipts/no-such-size` */
  consistencyProof(from: number, to: number): Uint8Array[]
}

/**
 * Answers `consistency`, CBOR `[log, from, to]`, with the hashes that lead from one size of this node's log to another (RFC 9162 §2.1.4).
 * @throws TeapotError `attest/bad-request`, `attest/no-such-log`, `receipts/no-such-size`
 */
export function answerConsistency(body: Uint8Array, log: ProvenLog): Uint8Array {
  const parts = question.array(decodeCbor(body), 'request', 3)
  const [number, from, to] = parts.map((part, i) => question.uint(part, `request[${i}]`)) as [number, number, number]
  const { log: present } = log.checkpoint()
  if (number !== present) {
    throw new TeapotError('attest/no-such-log', `Cannot answer for log ${number}: this node writes log ${present}`)
  }
  return encodeCbor(log.consistencyProof(from, to))
}
