import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Digest, ErrorKind } from '@teapot-network/trust'
import type { CallMode, ChildResult } from '@teapot-network/trust/call'
import type { Issued, ReceiptLog, Recorded } from '../receipts/index.ts'

/** A call as it reaches the box: from a sealed body or from a path. */
export interface Call {
  actor: string
  operation: string
  payload: Uint8Array
  /** Whether the caller wants a trace. */
  trace?: boolean
}

/** The code that answered, as the receipt's claims name it. */
export interface AnsweringActor {
  name: string
  version: number
  /** Of its bytes. */
  sha256: Digest
  /** Capabilities it was granted, sorted. */
  grants: readonly string[]
}

/** What came of a call: `outcome` is `ok` or an error code (`host/deadline`), `payload` then its message in UTF-8. */
export interface Answer {
  outcome: string
  payload: Uint8Array
  /** Whose fault a failure is; picks the HTTP status. */
  kind?: ErrorKind
  /** Fuel that the call used, where it got as far as using some. */
  fuel?: number
  /** The trace that the caller asked for. */
  trace?: Uint8Array
  /** Absent when no code was found to answer; then there is nothing to state in a receipt, and none is made. */
  actor?: AnsweringActor
  /** What the actor called and what came of it, in the order in which it ended; absent when it called none. */
  calls?: readonly Result[]
}

/** Runs calls. Calls back exactly once and never throws; a failure is an {@link Answer} with its code. Callbacks keep promises off the hot path. */
export interface Caller {
  call(call: Call, done: (answer: Answer) => void): void
}

/** What a receipt is about. */
export interface Result {
  call: Call
  answer: Answer & { actor: AnsweringActor }
}

/** An answer and what is known of its proof. */
export interface Performed {
  answer: Answer
  issued?: Recorded & { children?: ChildResult[] }
  /** Only in mode `inline`. */
  receipt?: Uint8Array
}

/** The run's HPKE key, as the server needs it (spec/call.md §2). */
export interface SealKey {
  /**
   * Opens a sealed request.
   * @param run digest of this run's keys
   * @param knows whether evidence of this digest was issued by this run
   * @throws TeapotError `serve/stale-seal` for another run's or unknown evidence, `serve/cannot-unseal`, `call/malformed`
   */
  open(body: Uint8Array, run: Digest, knows: (evidence: Digest) => boolean): Promise<OpenedCall>
}

/** A request that was unsealed, and the way back to whoever sealed it. */
export interface OpenedCall {
  call: Call
  mode: CallMode
  /** Seals an answer so that only the sealer of this very request can open it. */
  seal(performed: Performed): Promise<Uint8Array>
}

/** The receipt log, as the server needs it; `ReceiptLog` behind `createLogReceipts`. */
export interface Receipts {
  /**
   * Resolves once the receipt's checkpoint is durable, and those of the calls that the actor made. Throws or rejects with why that
   * failed.
   */
  issue(result: Result): Promise<Issued & { children?: ChildResult[] }>
  /** Answers at once; the receipts follow under the ids. */
  issueLater(result: Result): Recorded & { children?: ChildResult[] }
  /**
   * The receipt of an id, waiting until it is durable.
   * @param options `size`: under the first checkpoint of that many leaves
   * @throws TeapotError `receipts/unknown-id`, `receipts/no-such-log`, `receipts/no-such-size`
   */
  receipt(id: string, options: { signal: AbortSignal; size?: number }): Promise<Issued>
  /** The newest durable checkpoint (COSE_Sign1). */
  checkpoint(): Uint8Array
  /** What anyone may read of the log behind it; without one there is nothing under `/v1/logs/`. */
  readonly log?: PublicLog
}

/** The hashes and checkpoints of a log. */
export type PublicLog = Pick<ReceiptLog, 'checkpoint' | 'checkpointAt' | 'consistencyProof' | 'tile'>

/** Evidence of this run, newest first. */
export interface EvidenceSource {
  current(): { digest: Digest; bytes: Uint8Array } | undefined
  get(digest: Digest): Uint8Array | undefined
}

/** Upper bounds; what exceeds one is refused, never truncated. */
export interface ServeLimits {
  /** Body of a call, sealed or not. 413 above. */
  bodyBytes: number
  /** A block that a publisher brings (`POST /v1/blocks`). */
  blockBytes: number
  /** Of all bodies together that came in more than one piece and are not answered yet. 503 above. */
  heldBytes: number
  /** Calls in flight; 503 above. */
  inFlight: number
  connections: number
  headersTimeoutMs: number
  requestTimeoutMs: number
  /** A connection on which nothing moves for so long is closed, whether or not an answer waits to be read. */
  keepAliveTimeoutMs: number
  /** How long `close` waits for calls in flight before it cuts them. */
  drainTimeoutMs: number
}

/**
 * The actor that answers a request to an app.
 * @throws TeapotError `serve/no-such-route`, `serve/method-not-allowed`
 */
export type AppRoutes = (app: string, path: string, method: string) => string

/** Everything that the server is composed of; `daemon/src/main.ts` fills it in. */
export interface ServeParts {
  /** Port 0 picks a free one. */
  listen: { host: string; port: number }
  caller: Caller
  evidence: EvidenceSource
  /** Digest of this run's keys; sealed requests name it. */
  run: Digest
  sealKey: SealKey
  /** Without it answers carry no receipt: for benchmarks only. */
  receipts?: Receipts
  /** Serves `/ipfs/…`; answers by itself, whatever happens. */
  gateway?: (request: IncomingMessage, response: ServerResponse) => void
  /** Finds the actors of apps; without it there are none. */
  apps?: AppRoutes
  /** Takes a block whose digest stands on the ledger; throws a refusal otherwise. */
  acceptBlock?: (cid: string, bytes: Uint8Array) => Promise<void>
  /** What `GET /v1/status` shows; JSON. */
  status: () => object
  /** Further Prometheus text for `GET /metrics`. */
  metrics?: () => string
  limits?: Partial<ServeLimits>
}

/** A listening server. Disposal stops accepting, lets calls in flight finish, then closes. */
export interface Server extends AsyncDisposable {
  readonly url: string
  readonly port: number
}
