import type { Call, CallRequest, CallResult } from './call.ts'
import { CapabilityCalls } from './capability-calls.ts'
import { readClaims } from './claims/embedded.ts'
import { createRights } from './claims/rights.ts'
import type { Confinement } from './confinement/confined-program.ts'
import type { Isolation } from './confinement/isolation.ts'
import { askHooks, type Hook } from './hooks.ts'
import type { ActorImage, Host, HostOptions, LoadedActor } from './host.ts'
import { type ActorRelease, HostError } from './host-error.ts'
import { actorLimits, type HostLimits } from './limits.ts'
import type { ModuleStore } from './module-store.ts'
import { type Asked, NewCalls } from './new-calls.ts'
import type { Release } from './release.ts'
import { Releases } from './releases.ts'
import type { WarmSpare } from './spare.ts'
import type { TrustGroup } from './trust-group.ts'
import { TrustGroups } from './trust-groups.ts'

/** What a host is composed of. */
export interface ActorHostParts {
  readonly options: HostOptions
  readonly limits: HostLimits
  readonly confinement: Confinement
  readonly spare: WarmSpare
  readonly modules: ModuleStore
  /** Ends sandboxes and all that they are started from. */
  readonly dispose: AsyncDisposable
}

const EMPTY = new Uint8Array(0)
const OUTSIDE: readonly ActorRelease[] = []
/** {@link Host}: which release answers a call, and which trust group runs it. */
export class ActorHost implements Host {
  readonly limits: HostLimits
  readonly #parts: ActorHostParts
  readonly #hooks: readonly Hook[]
  readonly #groups: TrustGroups
  readonly #newCalls: NewCalls
  readonly #releases = new Releases()
  #nextHandle = 0
  #closed = false

  constructor(parts: ActorHostParts) {
    const { options, limits, modules, spare } = parts
    this.#parts = parts
    this.limits = limits
    this.#hooks = options.hooks ?? []
    const capabilities = new CapabilityCalls({
      ...{ limits, hooks: this.#hooks, invoke: options.invoke },
      callActor: (call, origin) => this.#callFrom(origin, call),
      actorOfKey: (key, caller) => this.#releases.actorOfKey(key, caller),
    })
    this.#newCalls = new NewCalls(limits)
    this.#groups = new TrustGroups({
      limits,
      takeSandbox: () => spare.take(),
      serve: (call, names, payload) => capabilities.serve(call, names, payload),
      moduleOf: (release) => modules.bytesOf(release) ?? this.#lose(release),
      onLog: options.onLog ?? (() => {}),
    })
  }

  get isolation(): Isolation {
    return this.#parts.confinement.isolation
  }

  get isolationReasons(): readonly string[] {
    return this.#parts.confinement.reasons
  }

  async load(image: ActorImage, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const release = await this.#open(image, signal)
    if (release === undefined) return
    const group = this.#groups.of(release.publisher)
    try {
      const prepared = await this.#loadIn(group, release, signal)
      release.module = await this.#parts.modules.keep(release.module, prepared)
      this.#releases.check(image)
    } catch (error) {
      group.forget(release)
      this.#parts.modules.forget(release)
      throw error
    }
    const before = this.#releases.install(release)
    if (before === undefined) return
    group.prepareSwap(before, release)
    this.#supersede(before)
  }

  call(request: CallRequest): Promise<CallResult> {
    return this.#callFrom(OUTSIDE, request)
  }

  unload(name: string): void {
    const release = this.#releases.remove(name)
    if (release !== undefined) this.#supersede(release)
  }

  list(): LoadedActor[] {
    return this.#releases.all.map(
      ({ name, publisher, version, digest, grants, moduleBytes, reset, abi, active, rights: { bindings } }) =>
        ({ name, publisher, version, digest, grants, moduleBytes, reset, abi, active, bindings }) satisfies LoadedActor,
    )
  }

  sandboxes(): { publisher: string; pid: number | undefined }[] {
    return this.#groups.sandboxes()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#groups.close(closed())
    await this.#parts.dispose[Symbol.asyncDispose]()
  }

  /** A release that may be loaded, by all that is known before it runs; undefined when it is loaded already. */
  async #open(image: ActorImage, signal: AbortSignal | undefined): Promise<Release | undefined> {
    const { moduleBytes } = this.limits
    const { name, publisher, version, digest, bytes, bindings } = image
    if (bytes.length > moduleBytes)
      throw new HostError('host/bad-module', `Expected a module of at most ${moduleBytes} bytes, found ${bytes.length}`)
    this.#releases.check(image)
    const claims = readClaims(bytes, (this.#parts.options.now?.() ?? Date.now()) / 1000)
    const identity = { name, publisher, version, digest, grants: [...image.grants] }
    const rights = createRights({ ...identity, claims: claims?.capabilities, bindings })
    const limits = actorLimits(this.limits, image.limits)
    const settings = { name, grants: rights.capabilities, environment: image.environment ?? {}, limits }
    await askHooks(this.#hooks, (hook) => hook.onLoad?.(Object.freeze({ ...identity })), identity)
    const wanted = JSON.stringify([identity, settings, bindings])
    if (this.#releases.get(name)?.wanted === wanted) return undefined
    const module = await this.#parts.modules.open(image, limits, signal)
    if (module.form === 'component') this.#parts.spare.components = true
    return {
      ...identity,
      ...{ handle: this.#nextHandle++, settings, claims, rights, wanted, moduleBytes: bytes.length, module },
      ...{ active: 0, hostCalls: 0, superseded: false, reset: 'fresh', abi: 'wapc' },
    }
  }

  /** @returns the module as the sandbox prepared it, where it did */
  async #loadIn(group: TrustGroup, release: Release, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const request = { actor: release.name, operation: '', payload: EMPTY }
    let load: Call | undefined
    await new Promise<CallResult>((resolve, reject) => {
      load = this.#newCalls.load(release, { request, origin: OUTSIDE, deadlineMs: this.limits.loadMs, resolve, reject })
      this.#submit(group, load, signal)
    })
    return load?.prepared
  }

  #callFrom(origin: readonly ActorRelease[], request: CallRequest): Promise<CallResult> {
    if (this.#hooks.length > 0) return this.#callThroughHooks(origin, request)
    return new Promise((resolve, reject) =>
      this.#begin(this.#loaded(request.actor), { request, origin, deadlineMs: request.deadlineMs, resolve, reject }),
    )
  }

  async #callThroughHooks(origin: readonly ActorRelease[], request: CallRequest): Promise<CallResult> {
    const startedAt = performance.now()
    const { actor, operation, payload } = request
    for (;;) {
      const release = this.#loaded(actor)
      const leftMs = () => deadlineOf(release, request.deadlineMs) - (performance.now() - startedAt)
      const seen = Object.freeze({ release, operation, payload, origin })
      await inTime(
        askHooks(this.#hooks, (hook) => hook.onCall?.(seen), release),
        leftMs(),
        release,
      )
      // Swapped meanwhile: what was allowed was the release before it.
      if (this.#releases.get(actor) !== release) continue
      return new Promise((resolve, reject) =>
        this.#begin(release, { request, origin, deadlineMs: leftMs(), resolve, reject }),
      )
    }
  }

  #begin(release: Release, asked: Omit<Asked, 'deadlineMs'> & { deadlineMs: number | undefined }): void {
    const call = this.#newCalls.call(release, { ...asked, deadlineMs: deadlineOf(release, asked.deadlineMs) })
    this.#submit(this.#groups.of(release.publisher), call, asked.request.signal)
  }

  #submit(group: TrustGroup, call: Call, signal: AbortSignal | undefined): void {
    if (this.#closed) throw closed()
    signal?.throwIfAborted()
    const lane = group.submit(call)
    if (signal === undefined || call.settled) return
    const abandon = () => lane.abandon(call, signal.reason)
    call.onSettled = () => signal.removeEventListener('abort', abandon)
    signal.addEventListener('abort', abandon)
  }

  #loaded(actor: string): Release {
    const release = this.#releases.get(actor)
    if (release !== undefined) return release
    throw new HostError('host/unknown-actor', `Expected an actor loaded here, found none called ${actor.slice(0, 256)}`)
  }

  #supersede(release: Release): void {
    release.superseded = true
    this.#parts.modules.forget(release)
    if (release.active === 0) this.#groups.of(release.publisher).forget(release)
  }

  /** Its module is not to be had any more: whoever loads actors finds it unknown, and brings it. */
  #lose(release: Release): never {
    if (this.#releases.get(release.name) === release) this.unload(release.name)
    throw new HostError(
      'host/unknown-actor',
      `Expected the module of ${release.name} v${release.version} in the cache, found it gone or changed; load it again`,
      { kind: 'unavailable' },
    )
  }
}

async function inTime(asked: Promise<void>, ms: number, release: ActorRelease): Promise<void> {
  const late = Promise.withResolvers<never>()
  const text = `Expected hooks to decide on a call of ${release.name} within its deadline, found no answer`
  const error = new HostError('host/deadline', text, { kind: 'unavailable', release })
  const timer = setTimeout(() => late.reject(error), ms)
  try {
    await Promise.race([asked, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

function deadlineOf({ settings: { limits } }: Release, wantedMs: number | undefined): number {
  return Math.min(wantedMs ?? limits.deadlineMs, limits.maxDeadlineMs)
}

function closed(): HostError {
  const text = 'Expected a running host, found one that was closed'
  return new HostError('host/sandbox-lost', text, { kind: 'unavailable' })
}
