import {
  type CheckpointSummary,
  concatBytes,
  fromHex,
  type Hex,
  type NodeId,
  parseAkSignature,
  parseAttest,
  parseEvidence,
  qualifyingData,
  TeapotError,
  toHex,
  verifyEs256,
} from '@teapot-network/trust'

/**
 * The newest checkpoint of this node's logs that peers hold in its own evidence: a disk that is older than that has lost something.
 * Only what this very AK quoted counts, so that no peer can make a node close its log.
 * @param answers of peers to the question for the node's newest evidence; empty, malformed and foreign ones are passed over
 */
export async function newestWitnessed(answers: readonly Uint8Array[], node: NodeId, akX: Hex, akY: Hex) {
  const ak = concatBytes(Uint8Array.of(4), fromHex(akX), fromHex(akY))
  const found = await Promise.all(answers.map((answer) => quotedIn(answer, node, ak).catch(unlessMalformed)))
  return found.filter((one) => one !== undefined).sort((a, b) => b.log - a.log || b.sequence - a.sequence)[0]
}

async function quotedIn(answer: Uint8Array, node: NodeId, ak: Uint8Array): Promise<CheckpointSummary | undefined> {
  if (answer.length === 0) return undefined
  const evidence = parseEvidence(answer)
  const { attest, signature } = evidence.quote
  if (evidence.node !== node || toHex(parseAttest(attest).extraData) !== qualifyingData(evidence)) return undefined
  const holds = await verifyEs256(ak, attest, parseAkSignature(signature))
  return holds ? evidence.checkpoint : undefined
}

function unlessMalformed(error: unknown): undefined {
  if (!(error instanceof TeapotError)) throw error
}
