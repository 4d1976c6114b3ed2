import type { CapabilityInvocation } from './capability.ts'
import { type ActorRelease, HostError } from './host-error.ts'

/** A call as a hook sees it, before it is sent to a sandbox. */
export interface HookedCall {
  readonly release: ActorRelease
  readonly operation: string
  readonly payload: Uint8Array
  /** The actors through which it comes, the first first; empty for a call from outside. */
  readonly origin: readonly ActorRelease[]
}

/**
 * Looks at what the host is about to do, and may refuse it by throwing. It cannot allow what is not allowed without it: it is
 * asked last, and its answer is not looked at. A hook that fails refuses (spec/host.md §10).
 */
export interface Hook {
  /** Names it in refusals. */
  readonly name: string
  /** Before a release is loaded. */
  onLoad?(release: ActorRelease): void | Promise<void>
  /** Before each call, from outside and from other actors; its time counts towards the call's deadline. */
  onCall?(call: HookedCall): void | Promise<void>
  /** Before each capability call that the actor has a right to, calls of other actors included. */
  onInvoke?(invocation: CapabilityInvocation): void | Promise<void>
}

/**
 * Asks every hook in turn.
 * @param ask calls the one method of a hook that matters here
 * @throws HostError `host/refused-by-hook`
 */
export async function askHooks(
  hooks: readonly Hook[],
  ask: (hook: Hook) => void | Promise<void>,
  release: ActorRelease,
): Promise<void> {
  for (const hook of hooks)
    try {
      await ask(hook)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : 'it gave no reason'
      throw new HostError(
        'host/refused-by-hook',
        `Hook ${hook.name} refuses ${release.name} v${release.version}: ${why}`,
        {
          cause,
          release,
        },
      )
    }
}
