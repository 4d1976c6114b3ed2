import type { ServerResponse } from 'node:http'
import { type ErrorKind, TeapotError } from '@teapot-network/trust'

/** Lets pages of any origin call: the box holds no cookies and no ambient authority. */
const crossOrigin = ['access-control-allow-origin', '*', 'access-control-expose-headers', '*']

/** Bodies up to this size are written together with the head, as one string: one write instead of a vector. */
const joinedBytes = 8 * 1024

/** Headers of answers that must not be kept by anything on the way. */
export const fresh: readonly string[] = ['cache-control', 'no-store']

/** There is nothing under this path. */
export function noSuchRoute(path: string): TeapotError {
  return new TeapotError(
    'serve/no-such-route',
    `Cannot find ${path.slice(0, 80)}: see spec/call.md §1 for what is here`,
  )
}

/** Answers with bytes. `headers` is a flat list of names and values. */
export function sendBytes(
  response: ServerResponse,
  status: number,
  type: string,
  body: Uint8Array,
  headers: readonly string[] = [],
): void {
  if (response.destroyed || response.headersSent) return
  response.writeHead(status, ['content-type', type, 'content-length', String(body.length), ...crossOrigin, ...headers])
  if (body.length > joinedBytes) response.end(body)
  else response.end(asBuffer(body).toString('latin1'), 'latin1')
}

/** Answers with JSON. */
export function sendJson(
  response: ServerResponse,
  status: number,
  value: object,
  headers: readonly string[] = [],
): void {
  sendBytes(response, status, 'application/json', Buffer.from(JSON.stringify(value)), headers)
}

/** Answers with an error as JSON `{code, message}` and the status that fits it. */
export function sendFailure(response: ServerResponse, failure: unknown, headers: readonly string[] = []): void {
  const { code, message, kind } = asTeapotError(failure)
  sendJson(response, statusOf(code, kind), { code, message }, headers)
}

/** Any thrown value as an error of ours: a stranger's becomes `serve/fault`, its text kept as the cause only. */
export function asTeapotError(failure: unknown): TeapotError {
  if (failure instanceof TeapotError) return failure
  return new TeapotError(
    'serve/fault',
    'Cannot answer: the node failed inside; try another node and tell its operator',
    {
      kind: 'fault',
      cause: failure,
    },
  )
}

/** The HTTP status of an error code (spec/call.md §4). */
export function statusOf(code: string, kind: ErrorKind | undefined): number {
  return statuses[code.slice(code.indexOf('/') + 1)] ?? (kind === undefined ? 500 : kinds[kind])
}

const kinds: Record<ErrorKind, number> = { refused: 422, unavailable: 503, fault: 500 }

const statuses: Record<string, number> = {
  'malformed-request': 400,
  malformed: 400,
  'no-such-route': 404,
  'unknown-actor': 404,
  'unknown-operation': 404,
  'unknown-evidence': 404,
  'unknown-id': 404,
  'no-such-log': 404,
  'no-such-size': 404,
  'no-such-tile': 404,
  'method-not-allowed': 405,
  'request-timeout': 408,
  'cannot-unseal': 400,
  'stale-seal': 409,
  'body-too-large': 413,
  'payload-too-large': 413,
  'headers-too-large': 431,
  deadline: 504,
}

/** A view of the same memory with Buffer's encodings. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
