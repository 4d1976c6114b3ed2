import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '@teapot-network/sdk'
import { type NodeId, TeapotError, type Tier, utf8, verifyProof } from '@teapot-network/trust'
import { ACTOR, type Siege } from './opening.ts'

const PAUSE_MS = 500

/** A client that calls all through the siege, and checks what it takes as anybody else would. */
export function callSteadily({ ledger, watch, devnet: { signal } }: Siege) {
  const client = createClient({ ledger })
  const nodes = new Set<NodeId>()
  const wrong: string[] = []
  /** Who answered, how many changes the watch had seen before that call, and what was found on the ledger after it. */
  const taken: { node: NodeId; before: number; tier: Tier; summary: string }[] = []
  let [verified, unanswered, running] = [0, 0, true]

  async function callOnce(payload: Uint8Array): Promise<void> {
    const request = { actor: ACTOR, operation: 'echo', payload }
    const before = watch.changes.length
    const { node, proof, outcome, payload: answer } = await client.call({ ...request, signal })
    const expected = { request, response: { outcome, payload: answer }, facts: await client.facts(signal) }
    const { tier, summary } = await verifyProof(proof!, expected)
    if (Buffer.compare(answer, payload) !== 0) wrong.push(`another answer of ${node}`)
    taken.push({ node, before, tier, summary })
    verified++
    nodes.add(node)
  }

  const work = (async () => {
    for (let call = 0; running && !signal.aborted; call++) {
      await callOnce(utf8(`call ${call}`)).catch((error) => {
        if (!(error instanceof TeapotError)) throw error
        unanswered++
      })
      await sleep(PAUSE_MS)
    }
  })()
  work.catch(() => {})
  return {
    client,
    /** @throws Error when it took no answer, one that does not verify, or one of a node that was shut out */
    async stop() {
      running = false
      await work
      for (const { node, before, tier, summary } of taken) {
        // A proof of a node that fell in between warns of that, and of nothing else.
        const fell = watch.changes.slice(before).some((change) => change.node === node && change.to !== 'active')
        if (tier !== 'affirming' && !(fell && tier === 'warning')) wrong.push(`an answer of ${node}: ${summary}`)
        const standing = watch.changes.slice(0, before).findLast((change) => change.node === node)?.to
        // The client may hear of a node sooner than the watch does.
        const next = watch.changes.slice(before).find((change) => change.node === node)?.to
        if (standing !== 'active' && next !== 'active') wrong.push(`an answer of ${node}, which was ${standing}`)
      }
      if (wrong.length > 0) throw new Error(`Expected every answer taken to verify, found ${wrong.join('; ')}`)
      if (verified === 0) throw new Error('Expected calls to be answered, found none')
      return { verified, unanswered, nodes: nodes.size }
    },
  }
}
