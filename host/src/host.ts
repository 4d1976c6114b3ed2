import type { Abi } from './abi/program.ts'
import type { Call, Release, SandboxAnswer } from './call.ts'
import type { CapabilityBroker } from './capability.ts'
import { type ActorRelease, HostError } from './host-error.ts'
import { type ActorLimits, actorLimits, DEFAULT_LIMITS, type HostLimits } from './limits.ts'
import { FUEL_BYTES, parseFuel, parseLoaded } from './messages.ts'
import { type Isolation, prepareSandboxCode, type SandboxCode } from './sandbox-code.ts'
import type { SandboxProcess } from './sandbox-process.ts'
import { WarmSpare } from './spare.ts'
import { TrustGroup } from './trust-group.ts'

/** How a host is set up. */
export interface HostOptions {
  /** The Node 26 executable that sandboxes run. */
  readonly nodePath: string
  /** The sandbox's code: the bundled `sandbox.mjs`, or `host/src/sandbox/main.ts` in development. */
  readonly sandboxEntry: string
  /** `best` (the default) takes the strongest that this machine offers; `user` demands it. */
  readonly isolation?: Isolation | 'best'
  readonly limits?: Partial<HostLimits>
  readonly invoke: CapabilityBroker
  /** Gets what actors write to their console. */
  readonly onLog?: (line: { actor: ActorRelease; text: string }) => void
}

/** An actor as it is to be loaded; the bytes are trusted to be what `digest` says. */
export interface ActorImage extends ActorRelease {
  /** A core module or a component, as published. */
  readonly bytes: Uint8Array
  /** Less than the host allows; more is cut to that. */
  readonly limits?: Partial<ActorLimits>
  /** Environment variables of WASI actors. */
  readonly environment?: Readonly<Record<string, string>>
}

/** A call to an actor. */
export interface CallRequest {
  readonly actor: string
  readonly operation: string
  readonly payload: Uint8Array
  /** From now to the answer, waiting included. */
  readonly deadlineMs?: number
  /** Records a trace: all that the actor saw of the world during the call (spec/host.md §9). */
  readonly trace?: boolean
  /** Runs on a recorded trace instead of the world. */
  readonly replay?: Uint8Array
  /** Gives up waiting; the sandbox is watched up to the deadline all the same. */
  readonly signal?: AbortSignal
}

/** An answer, and which release gave it. */
export interface CallResult {
  /** A view into a batch of answers: copy what is to be kept for long. */
  readonly payload: Uint8Array
  readonly release: ActorRelease
  /** Fuel that the call used. */
  readonly fuel: number
  /** The trace, when the call asked for one. */
  readonly trace?: Uint8Array
}

/** What is loaded. */
export interface LoadedActor extends ActorRelease {
  readonly moduleBytes: number
  /** How instances are made clean between calls: put back to a snapshot, or made anew. */
  readonly reset: 'snapshot' | 'fresh'
  readonly abi: Abi
  /** Calls waiting or running. */
  readonly active: number
}

/** Runs actors of many publishers, each publisher's in a sandbox process of its own. */
export interface Host extends AsyncDisposable {
  readonly isolation: Isolation
  readonly limits: HostLimits
  /**
   * Loads an actor, or swaps in a newer version: new calls go to it, those under way end on the old one.
   * The same version with the same digest only takes over its grants.
   * @throws HostError `host/bad-module`, `host/forbidden-import`, `host/version-rollback`, `host/publisher-mismatch`,
   * `host/deadline`, `host/trap`, `host/out-of-memory`, `host/overloaded`, `host/sandbox-lost`, `host/bad-frame`
   */
  load(image: ActorImage, options?: { signal?: AbortSignal }): Promise<void>
  /**
   * Calls an actor.
   * @throws HostError `host/unknown-actor`, `host/payload-too-large`, `host/overloaded`, `host/deadline`, `host/actor-error` (with
   * the actor's own text), `host/capability-denied`, `host/trap`, `host/out-of-memory`, `host/response-too-large`,
   * `host/bad-frame`, `host/sandbox-lost`; the signal's reason when it is aborted
   */
  call(request: CallRequest): Promise<CallResult>
  /** Forgets an actor once its calls have ended; its version stays the lowest that may be loaded. */
  unload(name: string): void
  list(): LoadedActor[]
  /** Process ids of the sandboxes at work, with their publishers. */
  sandboxes(): { publisher: string; pid: number | undefined }[]
}

/**
 * Starts a host and its warm spare.
 * @throws HostError `host/sandbox-lost` when sandboxes cannot be started here
 */
export async function createHost(options: HostOptions): Promise<Host> {
  const code = await prepareSandboxCode({
    nodePath: options.nodePath,
    sandboxEntry: options.sandboxEntry,
    isolation: options.isolation ?? 'best',
  })
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const spare = new WarmSpare(code, limits)
  try {
    await spare.start()
  } catch (error) {
    await spare[Symbol.asyncDispose]()
    await code[Symbol.asyncDispose]()
    throw error
  }
  return new ActorHost(options, limits, code, spare)
}

class ActorHost implements Host {
  readonly limits: HostLimits
  readonly #options: HostOptions
  readonly #code: SandboxCode
  readonly #spare: WarmSpare
  readonly #groups = new Map<string, TrustGroup>()
  readonly #current = new Map<string, Release>()
  readonly #lowest = new Map<string, ActorRelease>()
  readonly #operations = new Map<string, Buffer>()
  #nextId = 0
  #nextHandle = 0
  #closed = false

  constructor(options: HostOptions, limits: HostLimits, code: SandboxCode, spare: WarmSpare) {
    this.#options = options
    this.limits = limits
    this.#code = code
    this.#spare = spare
  }

  get isolation(): Isolation {
    return this.#code.isolation
  }

  async load(image: ActorImage, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const { moduleBytes, loadMs } = this.limits
    if (image.bytes.length > moduleBytes)
      throw new HostError(
        'host/bad-module',
        `Expected a module of at most ${moduleBytes} bytes, found ${image.bytes.length}`,
      )
    this.#checkVersion(image)
    const { name, publisher, version, digest, grants } = image
    const before = this.#current.get(name)
    const release: Release = {
      ...{ name, publisher, version, digest, grants: [...grants] },
      handle: before?.version === version ? before.handle : this.#nextHandle++,
      module: image.bytes,
      form: 'module',
      settings: {
        name,
        grants: [...grants],
        environment: image.environment ?? {},
        limits: actorLimits(this.limits, image.limits),
      },
      active: 0,
      superseded: false,
      reset: before?.reset ?? 'fresh',
      abi: before?.abi ?? 'wapc',
    }
    if (before?.version === version) {
      this.#current.set(name, release)
      return
    }
    const group = this.#group(publisher)
    try {
      const nothing = new Uint8Array(0)
      const { body } = await this.#submit(
        group,
        { kind: 'load', release, operation: nothing, payload: nothing },
        loadMs,
        signal,
      )
      Object.assign(release, parseLoaded(body))
      this.#checkVersion(image)
    } catch (error) {
      group.forget(release)
      throw error
    }
    this.#lowest.set(name, release)
    const previous = this.#current.get(name)
    this.#current.set(name, release)
    if (previous !== undefined) this.#supersede(previous)
  }

  async call({ actor, operation, payload, deadlineMs, signal, trace, replay }: CallRequest): Promise<CallResult> {
    const release = this.#current.get(actor)
    if (release === undefined)
      throw new HostError(
        'host/unknown-actor',
        `Expected an actor loaded here, found none called ${actor.slice(0, 256)}`,
      )
    if (payload.length > this.limits.payloadBytes)
      throw new HostError(
        'host/payload-too-large',
        `Expected a payload of at most ${this.limits.payloadBytes} bytes, found ${payload.length}`,
        { release },
      )
    const name = this.#operation(operation, release)
    const waitMs = Math.min(deadlineMs ?? this.limits.deadlineMs, this.limits.maxDeadlineMs)
    const group = this.#groups.get(release.publisher)!
    const what = { kind: 'call' as const, release, operation: name, payload, trace, replay }
    const answer = await this.#submit(group, what, waitMs, signal)
    const result: CallResult = { payload: answer.body.subarray(FUEL_BYTES), release, fuel: parseFuel(answer.body) }
    return answer.trace === undefined ? result : { ...result, trace: answer.trace }
  }

  unload(name: string): void {
    const release = this.#current.get(name)
    if (release === undefined) return
    this.#current.delete(name)
    this.#supersede(release)
  }

  list(): LoadedActor[] {
    return [...this.#current.values()].map(
      ({ name, publisher, version, digest, grants, module, reset, abi, active }) => ({
        ...{ name, publisher, version, digest, grants, reset, abi, active },
        moduleBytes: module.length,
      }),
    )
  }

  sandboxes(): { publisher: string; pid: number | undefined }[] {
    return [...this.#groups].filter(([, group]) => group.hasSandbox).map(([publisher, { pid }]) => ({ publisher, pid }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const error = new HostError('host/sandbox-lost', 'Expected a running host, found one that was closed', {
      kind: 'unavailable',
    })
    for (const group of this.#groups.values()) group.close(error)
    await this.#spare[Symbol.asyncDispose]()
    await this.#code[Symbol.asyncDispose]()
  }

  #checkVersion({ name, publisher, version, digest }: ActorImage): void {
    const lowest = this.#lowest.get(name)
    if (lowest === undefined) return
    if (lowest.publisher !== publisher)
      throw new HostError(
        'host/publisher-mismatch',
        `Expected ${name} from ${lowest.publisher}, found it from ${publisher}`,
      )
    if (version < lowest.version || (version === lowest.version && digest !== lowest.digest))
      throw new HostError(
        'host/version-rollback',
        `Expected a version of ${name} above ${lowest.version}, found ${version}; publish the change as a newer version`,
      )
  }

  #submit(
    group: TrustGroup,
    what: Pick<Call, 'kind' | 'release' | 'operation' | 'payload'> & {
      trace?: boolean | undefined
      replay?: Uint8Array | undefined
    },
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<SandboxAnswer> {
    if (this.#closed) throw new HostError('host/sandbox-lost', 'Expected a running host, found one that was closed')
    signal?.throwIfAborted()
    return new Promise((resolve, reject) => {
      const call: Call = {
        ...{ id: this.#takeId(), kind: what.kind, release: what.release, operation: what.operation },
        ...{ payload: what.payload, trace: what.trace ?? false, replay: what.replay, deadlineMs, resolve, reject },
        timer: undefined,
        settled: false,
        attempts: 0,
        effects: false,
        hostCall: undefined,
        abort: undefined,
        denied: undefined,
        logLines: 0,
        recorded: undefined,
      }
      group.submit(call)
      signal?.addEventListener('abort', () => group.abandon(call, signal.reason), { once: true })
    })
  }

  #takeId(): number {
    this.#nextId = this.#nextId === 0xffff_ffff ? 1 : this.#nextId + 1
    return this.#nextId
  }

  #operation(operation: string, release: Release): Buffer {
    const known = this.#operations.get(operation)
    if (known !== undefined) return known
    const name = Buffer.from(operation)
    if (name.length > this.limits.nameBytes)
      throw new HostError(
        'host/payload-too-large',
        `Expected an operation of at most ${this.limits.nameBytes} bytes, found ${name.length}`,
        { release },
      )
    if (this.#operations.size >= 256) this.#operations.clear()
    this.#operations.set(operation, name)
    return name
  }

  #supersede(release: Release): void {
    release.superseded = true
    if (release.active === 0) this.#groups.get(release.publisher)?.forget(release)
  }

  #group(publisher: string): TrustGroup {
    const existing = this.#groups.get(publisher)
    if (existing !== undefined) return existing
    const group = new TrustGroup({
      limits: this.limits,
      takeSandbox: () => this.#takeSandbox(),
      invoke: this.#options.invoke,
      onLog: this.#options.onLog ?? (() => {}),
    })
    this.#groups.set(publisher, group)
    return group
  }

  #takeSandbox(): Promise<SandboxProcess> {
    const atWork = [...this.#groups.values()].filter((group) => group.hasSandbox)
    // The group that asks counts as at work already.
    if (atWork.length > this.limits.sandboxes) {
      const idlest = atWork.filter((group) => group.idle).sort((a, b) => a.lastUsedAt - b.lastUsedAt)[0]
      if (idlest === undefined)
        return Promise.reject(
          new HostError(
            'host/overloaded',
            `Expected at most ${this.limits.sandboxes} publishers at work at a time, found more`,
            {
              kind: 'unavailable',
            },
          ),
        )
      idlest.retire()
    }
    return this.#spare.take()
  }
}
