import type { CallResult } from '../call.ts'
import { createHost } from '../create-host.ts'
import type { ActorImage, Host, HostOptions } from '../host.ts'
import { HostError } from '../host-error.ts'
import { SOURCE_ENTRIES } from '../source-entries.ts'

/** Deadlines that only a hang passes: how fast the machine is, is not what a test is about, unless it says so. */
const PATIENT = {
  ...{ deadlineMs: 60_000, maxDeadlineMs: 60_000, loadMs: 60_000, startMs: 60_000, transpileMs: 60_000 },
  idleMs: 600_000,
}

/** A host over the sandbox's source, as the tests use it; each publisher has one sandbox unless a test asks for more. */
export function openHost(options: Partial<HostOptions> = {}): Promise<Host> {
  return createHost({
    nodePath: process.execPath,
    ...SOURCE_ENTRIES,
    invoke: () => Promise.reject(new Error('no capability here')),
    ...options,
    limits: { lanes: 1, ...PATIENT, ...options.limits },
  })
}

/** An image with defaults for what a test does not care about. */
export function image(name: string, bytes: Uint8Array, more: Partial<ActorImage> = {}): ActorImage {
  return { name, publisher: '0xa11ce', version: 1, digest: `${name}-1`, grants: [], bytes, ...more }
}

/** Calls with texts. */
export async function ask(
  host: Host,
  actor: string,
  payload = '',
  more: Partial<Parameters<Host['call']>[0]> = {},
): Promise<string> {
  const result: CallResult = await host.call({ actor, operation: 'run', payload: Buffer.from(payload), ...more })
  return Buffer.from(result.payload).toString()
}

/** The HostError that a promise ends in, as a plain object to be matched; anything else fails the test. */
export async function refusal(
  promise: Promise<unknown>,
): Promise<Pick<HostError, 'code' | 'kind' | 'message' | 'release'>> {
  try {
    await promise
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    const { code, kind, message, release } = error
    return { code, kind, message, release }
  }
  throw new Error('Expected a refusal, found success')
}
