import { type Fetch, request } from './http.ts'
import type { Node } from './nodes.ts'

/** A node and how far away it is. */
export interface Distance {
  node: Node
  /** The shortest of a few round trips; Infinity when none came back. */
  roundTripMs: number
}

/** How distances are measured. */
export interface MeasureOptions {
  fetch: Fetch
  /** Round trips a node; the first one also opens the connection. */
  probes: number
  timeoutMs: number
  /** URL of the client's own machine's node: comes first whenever it answers. */
  local?: string | undefined
  signal?: AbortSignal | undefined
}

/**
 * Measures the round trip to every node's `/healthz`, all at once, and sorts by it. The local machine comes first if it is itself a node.
 * Nodes that don't answer are left out. The shortest of several round trips is the least disturbed one.
 */
export async function measure(nodes: readonly Node[], options: MeasureOptions): Promise<Distance[]> {
  const distances = await Promise.all(
    nodes.map(async (node) => ({ node, roundTripMs: await roundTrip(node, options) })),
  )
  options.signal?.throwIfAborted()
  const rank = ({ node, roundTripMs }: Distance): number => (node.url === options.local ? -1 : roundTripMs)
  return distances.filter(({ roundTripMs }) => roundTripMs < Infinity).sort((a, b) => rank(a) - rank(b))
}

async function roundTrip(node: Node, { fetch, probes, timeoutMs, signal }: MeasureOptions): Promise<number> {
  let bestMs = Infinity
  // For all probes together: nobody waits longer for a slow node than for a silent one.
  const until = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])])
  for (let i = 0; i < probes; i++) {
    const startMs = performance.now()
    try {
      const { status } = await request(`${node.url}/healthz`, { fetch, timeoutMs, limitBytes: 1024, signal: until })
      if (status === 200) bestMs = Math.min(bestMs, performance.now() - startMs)
    } catch {
      return bestMs
    }
  }
  return bestMs
}
