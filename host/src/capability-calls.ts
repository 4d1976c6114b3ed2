import type { Call, CallRequest, CallResult, CallTree } from './call.ts'
import { deadlinePassed } from './call-failure.ts'
import { ACTOR_CAPABILITY, type CapabilityBroker, type CapabilityInvocation } from './capability.ts'
import type { Binding } from './claims/rights.ts'
import { askHooks, type Hook } from './hooks.ts'
import { type ActorRelease, HostError, type NestedCall } from './host-error.ts'
import type { HostLimits } from './limits.ts'

/** A call of one actor by another. */
export interface ActorCall extends CallRequest {
  /** Of its caller. */
  readonly tree: CallTree
}

/** What serving capability calls takes. */
export interface CapabilityCallParts {
  readonly limits: Pick<HostLimits, 'callDepth' | 'actorCalls' | 'actorCallBytes'>
  readonly hooks: readonly Hook[]
  readonly invoke: CapabilityBroker
  /** Calls another actor, with that actor's own rights. */
  readonly callActor: (call: ActorCall, origin: readonly ActorRelease[]) => Promise<CallResult>
  /** The actor whose public key this is, as far as the caller may call it so. */
  readonly actorOfKey: (key: string, caller: ActorRelease) => string | undefined
}

/** Public key of a module in waSCC's notation. */
const MODULE_KEY = /^M[A-Z2-7]{55}$/

/**
 * Serves the capability calls of actors: right, limit and hooks first, then another actor or the broker. The order is what
 * keeps an actor from any effect that it has no right to (spec/host.md §2.6, §10).
 */
export class CapabilityCalls {
  readonly #parts: CapabilityCallParts

  constructor(parts: CapabilityCallParts) {
    this.#parts = parts
  }

  /**
   * Serves one.
   * @param names binding, capability and operation, as the actor gave them
   * @throws HostError `host/capability-denied`, `host/too-many-host-calls`, `host/refused-by-hook`, `host/call-too-deep`,
   * `host/too-many-actor-calls`, `host/response-too-large`; whatever the broker or the other actor fails with
   */
  async serve(call: Call, names: readonly string[], payload: Uint8Array): Promise<Uint8Array> {
    const { release } = call
    const { openHostCalls, responseBytes } = release.settings.limits
    const invocation = this.#invocationOf(call, names, payload)
    if (release.hostCalls >= openHostCalls)
      throw refuse(
        call,
        'host/too-many-host-calls',
        `Expected at most ${openHostCalls} open capability calls of ${release.name}, found more; try again`,
        'unavailable',
      )
    release.hostCalls++
    try {
      if (this.#parts.hooks.length > 0) await this.#askHooks(call, invocation)
      call.effects = true
      call.abort ??= new AbortController()
      const answer = await this.#perform(call, invocation, call.abort.signal)
      if (answer.length <= responseBytes) return answer
      throw new HostError('host/response-too-large', `Expected at most ${responseBytes} bytes, found ${answer.length}`)
    } finally {
      release.hostCalls--
    }
  }

  #invocationOf(call: Call, names: readonly string[], payload: Uint8Array): CapabilityInvocation {
    const { release: actor, origin } = call
    const [wanted, named, operation] = names as [string, string, string]
    const key = MODULE_KEY.test(named) ? named : undefined
    const target = key && this.#parts.actorOfKey(key, actor)
    const capability = target === undefined ? named : ACTOR_CAPABILITY + target
    const right = mayUse(call, wanted, capability, operation, key)
    const { name: binding, provider, settings } = right
    return { actor, origin, binding, provider, settings, capability, operation, payload }
  }

  async #askHooks(call: Call, invocation: CapabilityInvocation): Promise<void> {
    const seen = Object.freeze({ ...invocation })
    try {
      await askHooks(this.#parts.hooks, (hook) => hook.onInvoke?.(seen), call.release)
    } catch (error) {
      call.refused = error as HostError
      throw error
    }
    // A hook may have taken its time.
    if (call.settled) throw deadlinePassed(call)
  }

  #perform(call: Call, invocation: CapabilityInvocation, signal: AbortSignal): Promise<Uint8Array> {
    const { capability, operation, payload } = invocation
    if (MODULE_KEY.test(capability)) throw unknownKey(capability)
    if (!capability.startsWith(ACTOR_CAPABILITY)) return this.#parts.invoke(invocation, signal)
    const actor = capability.slice(ACTOR_CAPABILITY.length)
    const origin = [...call.origin, call.release]
    const { callDepth } = this.#parts.limits
    if (origin.length > callDepth)
      throw refuse(
        call,
        'host/call-too-deep',
        `Expected at most ${callDepth} actors that call one another, found ${actor} after ${origin.map(({ name }) => name).join(', ')}`,
      )
    const tree = this.#enterTree(call, payload.length)
    const deadlineMs = call.startedAt + call.deadlineMs - performance.now()
    return this.#callActor(call, { actor, operation, payload, deadlineMs, signal, tree }, origin)
  }

  /** Counts a call of another actor: payloads and answers are kept until the call that all came of has its receipt. */
  #enterTree(call: Call, bytes: number): CallTree {
    const { actorCalls, actorCallBytes } = this.#parts.limits
    call.tree ??= { calls: 0, bytes: 0 }
    call.tree.calls++
    call.tree.bytes += bytes
    if (call.tree.calls <= actorCalls && call.tree.bytes <= actorCallBytes) return call.tree
    throw refuse(
      call,
      'host/too-many-actor-calls',
      `Expected at most ${actorCalls} calls of other actors with ${actorCallBytes} bytes to come of one call, found more; ask for less at a time`,
    )
  }

  async #callActor(call: Call, asked: ActorCall, origin: readonly ActorRelease[]): Promise<Uint8Array> {
    const { operation, payload, tree } = asked
    const note = (ended: Omit<NestedCall, 'operation' | 'payload'>) => {
      tree.bytes += ended.answer.length
      if (!call.settled) call.calls = [...call.calls, { operation, payload, ...ended }]
    }
    try {
      const { payload: answer, release, fuel, calls } = await this.#parts.callActor(asked, origin)
      note({ release, outcome: 'ok', answer, fuel, calls })
      return answer
    } catch (error) {
      const { code, message, release, fuel, calls } = error as HostError
      if (error instanceof HostError && release !== undefined && calls !== undefined)
        note({ release, outcome: code, answer: Buffer.from(message), fuel, calls })
      throw error
    }
  }
}

/** The binding through which a call's actor may use a capability. @throws HostError `host/capability-denied` */
function mayUse(call: Call, binding: string, capability: string, operation: string, alias?: string): Binding {
  const right = call.release.rights.check(binding, capability, operation, alias)
  if (right.missing === undefined) return right.binding
  throw refuse(call, 'host/capability-denied', right.text)
}

function refuse(
  call: Call,
  code: `host/${string}`,
  text: string,
  kind: 'refused' | 'unavailable' = 'refused',
): HostError {
  call.refused = new HostError(code, text, { kind, release: call.release })
  return call.refused
}

function unknownKey(key: string): HostError {
  return new HostError(
    'host/unknown-actor',
    `Expected an actor loaded here with the key ${key}, found none of the same publisher or granted by name`,
  )
}
