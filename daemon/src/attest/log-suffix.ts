import {
  bootOf,
  concatBytes,
  type Evidence,
  encodeCbor,
  type KnownLog,
  type NodeId,
  parseAttest,
  parseEvidence,
  shapeOf,
} from '@teapot-network/trust'
import { encodeEvidence } from '@teapot-network/trust/encode'

/** What a Verifier remembers of one boot's log that it affirmed: of evidence it asks for the rest only (spec/rounds.md §6.1). */
interface HeldLog {
  boot: number
  bytes: Uint8Array
}

/** What was affirmed of the logs of nodes, each of one boot. */
interface LogMemory {
  of(node: NodeId): { boot: number; log: KnownLog } | undefined
  keep(node: NodeId, memory: { boot: number; log: KnownLog }): void
  drop(node: NodeId): void
}

/** Remembers so many bytes of log together, those that were kept last: the others are asked for whole. */
export function createLogMemory(limitBytes = 16 << 20): LogMemory {
  const memories = new Map<NodeId, { boot: number; log: KnownLog }>()
  return {
    of: (node) => memories.get(node),
    drop: (node) => void memories.delete(node),
    keep(node, memory) {
      memories.delete(node)
      memories.set(node, memory)
      let heldBytes = 0
      for (const [one, { log }] of [...memories].reverse()) {
        heldBytes += log.bytes.length
        if (heldBytes > limitBytes) memories.delete(one)
      }
    },
  }
}

const question = shapeOf('attest/bad-request', 'request')
const answer = shapeOf('attest/bad-answer', 'answer')

/** The body of `evidence`: CBOR `[epoch]`, or `[epoch, boot, size]` from one that holds so many bytes of that boot's log. */
export function encodeEvidenceRequest(epoch: number, held: HeldLog | undefined): Uint8Array {
  return encodeCbor(held ? [epoch, held.boot, held.bytes.length] : [epoch])
}

/** Reads the body of `evidence`. @throws TeapotError `attest/bad-request` */
export function parseEvidenceRequest(body: Uint8Array): { epoch: number; held?: { boot: number; size: number } } {
  const parts = question.array(question.decode(body), 'request')
  const [epoch, boot, size] = parts.map((part, i) => question.uint(part, `request[${i}]`))
  if (parts.length === 1) return { epoch: epoch! }
  if (parts.length === 3) return { epoch: epoch!, held: { boot: boot!, size: size! } }
  return question.refuse('request', '[epoch] or [epoch, boot, size]', `${parts.length} items`)
}

/** Answers with evidence of the epoch asked for: to who holds a part of its log, CBOR `[size, evidence without that part]`, or all of it with size 0 where that does not fit. */
export function answerEvidence(
  body: Uint8Array,
  ofEpoch: (epoch: number) => { evidence: Evidence; bytes: Uint8Array },
): Uint8Array {
  const { epoch, held } = parseEvidenceRequest(body)
  const { evidence, bytes } = ofEpoch(epoch)
  if (!held) return bytes
  const fits = held.boot === bootOf(parseAttest(evidence.quote.attest)) && held.size <= evidence.log.length
  const size = fits ? held.size : 0
  return encodeCbor([size, encodeEvidence({ ...evidence, log: evidence.log.subarray(size) })])
}

/** Puts evidence together again of an answer and what is remembered of the log. @throws TeapotError `attest/bad-answer` */
export function wholeEvidence(body: Uint8Array, held: HeldLog | undefined): Uint8Array {
  if (!held) return body
  const [size, part] = answer.array(answer.decode(body), 'answer', 2)
  const bytes = answer.bytes(part, 'evidence')
  if (size === 0) return bytes
  if (size !== held.bytes.length) answer.refuse('size', `0 or ${held.bytes.length}`, String(size))
  const evidence = parseEvidence(bytes)
  return encodeEvidence({ ...evidence, log: concatBytes(held.bytes, evidence.log) })
}
