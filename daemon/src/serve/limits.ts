import type { ServeLimits } from './parts.ts'

/** The bounds of a box that nobody configured (spec/call.md §5). */
export const defaultLimits: ServeLimits = {
  bodyBytes: 1024 * 1024,
  blockBytes: 2 * 1024 * 1024,
  heldBytes: 256 * 1024 * 1024,
  inFlight: 4096,
  connections: 4096,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 60_000,
  drainTimeoutMs: 10_000,
}

/** Bytes of a request's whole head: 431 above. */
export const maxHeaderBytes = 16 * 1024
