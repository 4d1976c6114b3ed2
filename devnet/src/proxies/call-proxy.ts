import { setTimeout as sleep } from 'node:timers/promises'
import { type Altered, createRelay, type Exchange, type Relay } from './relay.ts'

/** What the network does to the answers of one node. Undefined leaves an answer as it came. */
export type Tamper = (exchange: Exchange) => Altered | Promise<Altered>

/** The network before one node: clients and peers reach the node through it. */
export interface CallProxy extends Relay {
  /** Where the node listens in this run. */
  setTarget(url: string): void
  /** How far away the node seems: waited before each request is passed on. */
  setDelayMs(delayMs: number): void
  /** Does something to the answers from now on; none makes the network honest again. */
  setTamper(tamper?: Tamper): void
}

/** Starts the network before one node. With a `port` it comes up at the same address as last time. */
export async function createCallProxy({
  target,
  port = 0,
}: {
  target?: string
  port?: number
} = {}): Promise<CallProxy> {
  let [targetUrl, delayMs] = [target, 0]
  let tamper: Tamper | undefined
  const relay = await createRelay(
    {
      target: () => targetUrl,
      before: () => (delayMs > 0 ? sleep(delayMs) : Promise.resolve()),
      alter: (exchange) => tamper?.(exchange),
    },
    { port },
  )
  return {
    ...relay,
    setTarget: (url) => {
      targetUrl = url
    },
    setDelayMs: (next) => {
      delayMs = next
    },
    setTamper: (next) => {
      tamper = next
    },
  }
}

/** Whether an exchange is a sealed call (spec/call.md). */
export function isSealedCall({ method, path }: Exchange): boolean {
  return method === 'POST' && path === '/v1/calls'
}

/** Whether an exchange asks for the node's current evidence. */
export function isEvidence({ method, path }: Exchange): boolean {
  return method === 'GET' && path === '/v1/evidence'
}

/** Keeps every sealed answer that passes, and changes none. */
export function recordCalls(into: Exchange[]): Tamper {
  return (exchange) => {
    if (isSealedCall(exchange)) into.push(exchange)
    return undefined
  }
}

/** Keeps every piece of evidence that passes, and changes none. */
export function recordEvidence(into: Exchange[]): Tamper {
  return (exchange) => {
    if (isEvidence(exchange)) into.push(exchange)
    return undefined
  }
}

/** Answers with evidence recorded before, however many epochs have passed since. */
export function replayEvidence(recorded: Exchange): Tamper {
  return (exchange) => (isEvidence(exchange) ? { response: recorded.response } : undefined)
}

/** Flips one bit, in the middle, of every sealed answer. */
export function alterCalls(): Tamper {
  return (exchange) => {
    if (!isSealedCall(exchange)) return undefined
    const altered = Uint8Array.from(exchange.response)
    altered[altered.length >> 1]! ^= 1
    return { response: altered }
  }
}

/** Answers every sealed call with one recorded before. */
export function replayCall(recorded: Exchange): Tamper {
  return (exchange) => (isSealedCall(exchange) ? { response: recorded.response } : undefined)
}

/** Answers with the evidence of another node, whose address is `url`. */
export function swapEvidence(url: string): Tamper {
  return async (exchange) => {
    if (!isEvidence(exchange)) return undefined
    const response = await fetch(new URL('/v1/evidence', url))
    return {
      response: new Uint8Array(await response.arrayBuffer()),
      headers: { 'teapot-evidence': response.headers.get('teapot-evidence') ?? '' },
    }
  }
}
