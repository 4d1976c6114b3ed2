import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, createClient } from '@teapot-network/sdk'
import { type NodeId, TeapotError, utf8, verifyProof } from '@teapot-network/trust'
import { ACTOR, type Siege } from './opening.ts'

/** A client that calls all through the siege. */
export interface SteadyClient {
  readonly client: Client
  /** Stops it. @throws Error when it took an answer that does not verify, or one of a node that had been shut out */
  stop(): Promise<{ answered: number; verified: number; unanswered: number; nodes: number }>
}

const PAUSE_MS = 500

export function callSteadily({ ledger, watch, devnet: { signal } }: Siege): SteadyClient {
  const client = createClient({ ledger })
  const nodes = new Set<NodeId>()
  const wrong: string[] = []
  let [answered, verified, unanswered, running] = [0, 0, 0, true]

  async function callOnce(payload: Uint8Array): Promise<void> {
    const request = { actor: ACTOR, operation: 'echo', payload, mode: 'inline', trace: false } as const
    const before = watch.changes.length
    const result = await client.call({ ...request, signal })
    answered++
    nodes.add(result.node)
    const response = { outcome: result.outcome, payload: result.payload }
    const facts = await client.facts(signal)
    const { tier, summary } = await verifyProof(result.proof!, { request, response, facts })
    const standing = watch.changes.slice(0, before).findLast(({ node }) => node === result.node)?.to
    if (tier === 'affirming' && Buffer.compare(result.payload, payload) === 0 && standing === 'active') verified++
    else wrong.push(`an answer of ${result.node}, ${standing}: ${summary}`)
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
    async stop() {
      running = false
      await work
      if (wrong.length > 0) throw new Error(`Expected every answer taken to verify, found ${wrong.join('; ')}`)
      return { answered, verified, unanswered, nodes: nodes.size }
    },
  }
}
