import type { Call } from './call.ts'
import type { FrameError } from './frames.ts'
import { HostError, type HostErrorKind } from './host-error.ts'
import type { Failure } from './messages.ts'
import type { Loss } from './sandbox-process.ts'

const KINDS: Partial<Record<Failure, HostErrorKind>> = {
  trap: 'fault',
  'out-of-memory': 'fault',
  'stack-overflow': 'fault',
  'fuel-exhausted': 'fault',
}

/** The error of a call whose actor failed; what the host refused it before is the reason that matters. */
export function failureOf(call: Call, failure: Failure, text: string, fuel: number): HostError {
  const { release, refused, recorded: trace, calls } = call
  const told = { release, fuel, trace, calls }
  if (failure === 'actor-error' && refused !== undefined)
    return new HostError(refused.code, refused.message, { kind: refused.kind, cause: text, ...told })
  const message = failure === 'actor-error' ? text : `${release.name} v${release.version}: ${text}`
  return new HostError(`host/${failure}`, message, { kind: KINDS[failure] ?? 'refused', ...told })
}

/** The error of a call whose sandbox broke the protocol. */
export function badFrame({ release, calls }: Call, cause: FrameError): HostError {
  return new HostError('host/bad-frame', `The sandbox of ${release.name} broke the protocol: ${cause.message}`, {
    kind: 'fault',
    cause,
    release,
    calls,
  })
}

/** The error of a call that was lost with its sandbox and cannot be sent again. */
export function sandboxLost({ release, effects, calls }: Call, loss: Loss): HostError {
  const why = effects ? 'after a capability call' : 'twice'
  return new HostError(
    'host/sandbox-lost',
    `Expected an answer of ${release.name} v${release.version}, found its sandbox gone ${why} (${loss.text})`,
    { kind: 'unavailable', release, calls },
  )
}

/** The error of a call, or of a load, without an answer in time. */
export function deadlinePassed({ release, kind, deadlineMs, calls }: Call): HostError {
  const what = kind === 'load' ? 'load' : 'answer'
  return new HostError(
    'host/deadline',
    `Expected ${release.name} v${release.version} to ${what} within ${Math.round(deadlineMs)} ms, found no answer`,
    { kind: 'unavailable', release, calls },
  )
}

/** What an actor is told of why its capability call failed. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the capability failed'
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' ? `${code}: ${error.message}` : error.message
}
