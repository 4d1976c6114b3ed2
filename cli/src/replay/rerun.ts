import { createHost, HostError, SOURCE_ENTRIES } from '@teapot-network/host'
import { type Claims, utf8 } from '@teapot-network/trust'
import type { AppManifest } from '@teapot-network/trust/app'

/** All that a call depends on besides what its claims say (spec/host.md §9.1). */
export interface Inputs {
  payload: Uint8Array
  code: Uint8Array
  /** Undefined where the call is said to have seen nothing of the world. */
  trace: Uint8Array | undefined
  /** The manifest that covered the actor, if one did: its limits and environment count. */
  app: AppManifest | undefined
}

/** What a call comes to when it is run again. */
export interface Recomputed {
  outcome: string
  payload: Uint8Array
  fuel: number | undefined
  /** As recorded anew. */
  trace: Uint8Array | undefined
}

/** A trace in which nothing was seen: version 1, and the beginning of the call (spec/host.md §9.2). */
const NOTHING_SEEN = Uint8Array.of(1, 0, 0, 0, 0, 0)
/** Far more than a node gives any call, or its load: a slower machine comes to the same. */
const DEADLINE_MS = 120_000

/**
 * Runs the call of some claims again, in a sandbox of the same make, on a trace in the world's place.
 * @throws HostError for a module that does not load, and what this machine has too little of (kind `unavailable`)
 */
export async function rerun(
  claims: Claims,
  { payload, code, trace, app }: Inputs,
  signal: AbortSignal,
): Promise<Recomputed> {
  const { name, version, sha256: digest } = claims.actor
  await using host = await createHost({
    ...SOURCE_ENTRIES,
    nodePath: process.execPath,
    limits: {
      ...{ lanes: 1, deadlineMs: DEADLINE_MS, maxDeadlineMs: DEADLINE_MS },
      ...{ loadMs: DEADLINE_MS, startMs: DEADLINE_MS, transpileMs: DEADLINE_MS },
    },
    invoke: () => Promise.reject(new Error('a replay reaches no capability')),
    // What a module claims of itself may have expired since.
    now: () => claims.issuedAt * 1000,
  })
  const image = { name, publisher: 'replay', version, digest, grants: claims.capabilities, bytes: code }
  await host.load({ ...image, ...settingsOf(app, name) }, { signal })
  try {
    const call = { actor: name, operation: claims.operation, payload, trace: true, replay: trace ?? NOTHING_SEEN }
    const { payload: answer, fuel, trace: again } = await host.call({ ...call, deadlineMs: DEADLINE_MS, signal })
    return { outcome: 'ok', payload: answer, fuel, trace: again }
  } catch (error) {
    if (!(error instanceof HostError) || error.kind === 'unavailable') throw error
    return { outcome: error.code, payload: utf8(error.message), fuel: error.fuel, trace: error.trace }
  }
}

function settingsOf(app: AppManifest | undefined, name: string) {
  const actor = app?.actors.find((one) => one.name === name)
  if (actor === undefined) return {}
  const { environment, limits, bindings } = actor
  return {
    environment,
    limits: { ...limits, deadlineMs: DEADLINE_MS, maxDeadlineMs: DEADLINE_MS },
    bindings: bindings.map(({ name, capability }) => ({ name, capability })),
  }
}
