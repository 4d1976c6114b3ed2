import {
  type Digest,
  EntryKind,
  type EpochRecord,
  type LedgerEntry,
  type LedgerFacts,
  type NodeId,
  TeapotError,
} from '@teapot-network/trust'
import type { CallMode, CallResponse } from '@teapot-network/trust/call'
import { type Attested, type AttestParts, attestNode, type PolicyDocument } from './attest.ts'
import { type CallResult, callAttested, type Pending, provePending } from './call.ts'
import { createFactsCache, type FactsSource } from './facts.ts'
import type { Fetch } from './http.ts'
import { type Distance, measure } from './nearest.ts'
import { activeNodes, type Node, registeredNode } from './nodes.ts'
import { EvidenceRefused, NoNodeServed, type Skipped } from './refusals.ts'
import { readEpochsOf, type Upgraded, type UpgradeOptions, upgradeProof } from './upgrade.ts'
import { createWitness, type Witness } from './witness.ts'

/** What a client is made of. All times in milliseconds. */
export interface ClientOptions {
  /** `createLedger(…)` of `@teapot-network/ledger`, or anything that gives its facts. */
  ledger: FactsSource
  /** A policy that the caller pins, instead of the ledger's current one. */
  policy?: PolicyDocument
  fetch?: Fetch
  /** URL of the node on the client's own machine, if there is one: always the first choice. */
  local?: string
  /** For probes, evidence and receipts. Default 5,000. */
  timeoutMs?: number
  /** For the answer of each node that is called. Default 30,000. */
  callTimeoutMs?: number
  /** How long facts, distances and verdicts may be used again. Default 3,000. */
  maxAgeMs?: number
  answerLimitBytes?: number
  /** What remembers the logs of nodes; by default for as long as the client lives. */
  witness?: Witness
}

/** One call. */
export interface CallOptions {
  actor: string
  operation: string
  payload?: Uint8Array
  /** Default `inline`. */
  mode?: CallMode
  /** Has the node record what the actor sees of the world, and hand it out (spec/host.md §9). */
  trace?: boolean
  /** Whether the call may run twice, so that it moves on from a node that may have run it already. Default true. */
  idempotent?: boolean
  /** Insists on one node. */
  node?: NodeId
  signal?: AbortSignal
}

/** Finds, appraises, seals, calls and verifies. */
export interface Client {
  /** The ledger's facts, fresh. */
  facts(signal?: AbortSignal): Promise<LedgerFacts>
  /** Nodes that the ledger calls Active. */
  nodes(signal?: AbortSignal): Promise<Node[]>
  /** Measures anew and sorts by distance, own machine first. Nodes that don't answer are left out. */
  nearest(signal?: AbortSignal): Promise<Distance[]>
  /** Appraises the evidence of a registered node, whatever the ledger says of it. @throws TeapotError `sdk/unknown-node` and those of fetching */
  attest(node: NodeId, signal?: AbortSignal): Promise<Attested>
  /**
   * Calls an actor on the nearest node that is Active at the newest block and whose evidence holds, the next one when that is
   * unavailable or refused.
   * @throws TeapotError `sdk/unknown-actor`, `sdk/node-not-active`, `sdk/may-have-run` for a call that is not idempotent;
   *   NoNodeServed, or what the one node that was insisted on said
   */
  call(options: CallOptions): Promise<CallResult>
  /** The proof of a result that was called for in mode `later`. @throws TeapotError `sdk/unproven`, `serve/unknown-receipt` while not durable */
  prove(result: CallResult, signal?: AbortSignal): Promise<Uint8Array>
  /** Brings a proof up to what can be shown by now, from whomever. @see upgradeProof @param options `mirror`: URL of one of the node's log */
  upgrade(proof: Uint8Array, options?: Pick<UpgradeOptions, 'mirror' | 'signal'>): Promise<Upgraded>
  /** What the ledger has of the epochs that a proof names: its verifier wants them. @throws TeapotError `proof/bundle-malformed` */
  epochsOf(proof: Uint8Array, signal?: AbortSignal): Promise<EpochRecord[]>
}

/** Makes a client. It opens nothing and needs no closing. */
export function createClient(options: ClientOptions): Client {
  const { timeoutMs = 5_000, callTimeoutMs = 30_000, maxAgeMs = 3_000, answerLimitBytes = 16 * 1024 * 1024 } = options
  const parts: AttestParts = {
    facts: createFactsCache(options.ledger),
    fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
    timeoutMs,
    policy: options.policy,
    policies: new Map<Digest, PolicyDocument>(),
  }
  const witness = options.witness ?? createWitness()
  const verdicts = new Map<NodeId, { attested: Attested; atMs: number }>()
  const pendings = new WeakMap<CallResult, Pending>()
  let distances: { sorted: Distance[]; atMs: number } | undefined

  const client: Client = {
    facts: (signal) => parts.facts.read(0, signal),
    nodes: async (signal) => activeNodes(await parts.facts.read(0, signal)),
    async nearest(signal) {
      const nodes = activeNodes(await parts.facts.read(0, signal))
      const sorted = await measure(nodes, { fetch: parts.fetch, probes: 3, timeoutMs, local: options.local, signal })
      distances = { sorted, atMs: performance.now() }
      return sorted
    },
    async attest(id, signal) {
      const facts = await parts.facts.read(0, signal)
      return attestNode(registeredNode(facts, id), parts, { maxAgeMs, signal })
    },
    async call(call) {
      const skipped: Skipped[] = []
      await requireActor(call)
      for (const node of await candidates(call)) {
        try {
          return await callNode(node, call, skipped)
        } catch (failure) {
          verdicts.delete(node.id)
          if (call.node !== undefined || !(failure instanceof TeapotError) || !mayTryNext(failure)) throw failure
          skipped.push({ node: node.id, failure })
        }
      }
      throw new NoNodeServed(skipped)
    },
    async prove(result, signal) {
      const pending = pendings.get(result)
      if (pending === undefined) throw new TeapotError('sdk/unproven', 'Cannot prove a result of another client')
      return provePending(pending, parts, witness, signal)
    },
    upgrade: (proof, more) => upgradeProof(proof, { ledger: options.ledger, fetch: parts.fetch, timeoutMs, ...more }),
    epochsOf: (proof, signal) => readEpochsOf(proof, options.ledger, signal),
  }
  return client

  /** What the ledger does not hold, no node may run: nobody needs to be asked. */
  async function requireActor({ actor, signal }: CallOptions): Promise<void> {
    for (const age of [maxAgeMs, 0]) {
      const { entries } = await parts.facts.read(age, signal)
      if (entries.some((entry) => entry.kind === EntryKind.actor && entry.name === actor && isLoadable(entry))) return
    }
    throw new TeapotError(
      'sdk/unknown-actor',
      `Cannot call ${actor}: expected an approved actor of that name on the ledger, found none; teapot status lists them`,
    )
  }

  async function candidates({ node, signal }: CallOptions): Promise<Node[]> {
    const active = activeNodes(await parts.facts.read(0, signal))
    if (node !== undefined) {
      const found = active.filter(({ id }) => id === node)
      if (found.length > 0) return found
      throw new TeapotError(
        'sdk/node-not-active',
        `Cannot call node ${node}: expected one that the ledger calls Active, found it is not; teapot status lists them`,
      )
    }
    const known = distances !== undefined && performance.now() - distances.atMs < maxAgeMs
    const sorted = known ? distances!.sorted : await client.nearest(signal)
    const ids = new Set(active.map(({ id }) => id))
    return sorted.map(({ node }) => node).filter(({ id }) => ids.has(id))
  }

  async function callNode(node: Node, options: CallOptions, skipped: Skipped[]): Promise<CallResult> {
    const { actor, operation, payload = new Uint8Array(0), mode = 'inline', trace = false, signal } = options
    const request = { actor, operation, payload, mode, trace }
    const bounds = { callTimeoutMs, answerLimitBytes }
    const send = async (attested: Attested): Promise<{ pending: Pending; proof?: Uint8Array }> => {
      let isAnswered = false
      try {
        const pending = await callAttested(attested, request, parts, bounds, signal)
        if (pending.response.claims.length === 0) throw unvouched(pending.response)
        isAnswered = true
        return { pending, ...(mode === 'inline' && { proof: await provePending(pending, parts, witness, signal) }) }
      } catch (failure) {
        if (options.idempotent === false && mayHaveRun(failure, isAnswered)) throw interrupted(node.id, failure)
        throw failure
      }
    }
    const { pending, proof } = await verdictOn(node, signal)
      .then(send)
      .catch(async (failure) => {
        if (!(failure instanceof TeapotError) || failure.code !== 'serve/stale-seal') throw failure
        verdicts.delete(node.id)
        return send(await verdictOn(node, signal))
      })
    const { response, attested } = pending
    const result: CallResult = {
      outcome: response.outcome,
      payload: response.payload,
      ...(proof && { proof }),
      ...(response.trace === null ? {} : { trace: response.trace }),
      receiptId: response.id,
      node: node.id,
      verdict: attested.verdict,
      skipped,
    }
    pendings.set(result, pending)
    return result
  }

  async function verdictOn(node: Node, signal: AbortSignal | undefined): Promise<Attested> {
    const held = verdicts.get(node.id)
    const { block } = await parts.facts.read(maxAgeMs, signal)
    const isFresh = held !== undefined && performance.now() - held.atMs < maxAgeMs
    if (isFresh && held.attested.node.url === node.url && block.timestamp <= held.attested.verdict.expires) {
      return held.attested
    }
    const attested = await attestNode(node, parts, { maxAgeMs, signal })
    verdicts.set(node.id, { attested, atMs: performance.now() })
    return attested
  }
}

function isLoadable({ status }: LedgerEntry): boolean {
  return status === 'current' || status === 'grace'
}

/** Whether another node may do better: this one is away, or was refused before anything was sent to it. */
function mayTryNext(failure: TeapotError): boolean {
  return failure.kind === 'unavailable' || failure instanceof EvidenceRefused || failure.code === 'evidence/malformed'
}

/** Refusals of a node that ran nothing (spec/call.md §4). */
const NOT_RUN: readonly string[] = ['host/unknown-actor', 'serve/busy', 'serve/not-active', 'serve/stale-seal']

/** Whether a node that gave no result may still have run the call; of one that answered, whether another would be called in its place. */
function mayHaveRun(failure: unknown, isAnswered: boolean): failure is TeapotError {
  if (!(failure instanceof TeapotError)) return false
  if (isAnswered) return mayTryNext(failure)
  return !(failure instanceof EvidenceRefused) && !NOT_RUN.includes(failure.code)
}

function interrupted(node: NodeId, failure: TeapotError): TeapotError {
  return new TeapotError(
    'sdk/may-have-run',
    `Cannot tell whether the call ran: expected a result of node ${node}, found: ${failure.message}. Find out before you call again.`,
    { kind: 'fault', cause: failure },
  )
}

/** An answer that no code vouches for is only this node's word: another node may have what this one has not. */
function unvouched({ outcome, payload }: CallResponse): TeapotError {
  return new TeapotError(outcome, new TextDecoder().decode(payload), { kind: 'unavailable' })
}
