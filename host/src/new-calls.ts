import { type Call, type CallRequest, type CallResult, type CallTree, NO_CALLS } from './call.ts'
import { type ActorRelease, HostError } from './host-error.ts'
import type { Release } from './release.ts'

/** Operations whose encoding is remembered. */
const KNOWN_OPERATIONS = 256
const EMPTY = new Uint8Array(0)

/** What has asked for a call: its text and payload, where it comes from, until when it waits, and who is told. */
export interface Asked {
  readonly request: CallRequest & { readonly tree?: CallTree }
  readonly origin: readonly ActorRelease[]
  readonly deadlineMs: number
  readonly resolve: (result: CallResult) => void
  readonly reject: (error: unknown) => void
}

/** Makes calls of requests: numbers them, and holds them to what their actor may be sent. */
export class NewCalls {
  readonly #nameBytes: number
  readonly #operations = new Map<string, Buffer>()
  #nextId = 0

  constructor({ nameBytes }: { readonly nameBytes: number }) {
    this.#nameBytes = nameBytes
  }

  /** A call. @throws HostError `host/payload-too-large` */
  call(release: Release, asked: Asked): Call {
    const { operation, payload, replay } = asked.request
    const { payloadBytes, traceBytes } = release.settings.limits
    if (payload.length > payloadBytes) throw tooLarge('a payload', payloadBytes, payload.length, release)
    if (replay !== undefined && replay.length > traceBytes)
      throw tooLarge('a trace', traceBytes, replay.length, release)
    return this.#make('call', release, this.#operation(operation, release), asked)
  }

  /** The load of a module. */
  load(release: Release, asked: Asked): Call {
    return this.#make('load', release, EMPTY, asked)
  }

  #make(kind: Call['kind'], release: Release, operation: Uint8Array, asked: Asked): Call {
    const { request, origin, deadlineMs, resolve, reject } = asked
    const { payload, trace, replay, tree } = request
    this.#nextId = this.#nextId === 0xffff_ffff ? 1 : this.#nextId + 1
    return {
      id: this.#nextId,
      kind,
      release,
      operation,
      payload,
      trace: trace ?? false,
      replay,
      startedAt: performance.now(),
      deadlineMs,
      origin,
      tree,
      calls: NO_CALLS,
      resolve,
      reject,
      timer: undefined,
      settled: false,
      onSettled: undefined,
      awake: false,
      attempts: 0,
      effects: false,
      hostCall: undefined,
      abort: undefined,
      refused: undefined,
      logLines: 0,
      recorded: undefined,
      prepared: undefined,
    }
  }

  #operation(operation: string, release: Release): Buffer {
    const known = this.#operations.get(operation)
    if (known !== undefined) return known
    const name = Buffer.from(operation)
    if (name.length > this.#nameBytes) throw tooLarge('an operation', this.#nameBytes, name.length, release)
    if (this.#operations.size >= KNOWN_OPERATIONS) this.#operations.clear()
    this.#operations.set(operation, name)
    return name
  }
}

function tooLarge(what: string, limit: number, found: number, release: ActorRelease): HostError {
  const text = `Expected ${what} of at most ${limit} bytes, found ${found}`
  return new HostError('host/payload-too-large', text, { release })
}
