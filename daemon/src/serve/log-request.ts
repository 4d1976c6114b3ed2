import type { IncomingMessage, ServerResponse } from 'node:http'
import { encodeCbor, TeapotError } from '@teapot-network/trust'
import { noSuchLog } from '../receipts/index.ts'
import type { PublicLog } from './parts.ts'
import { fresh, noSuchRoute, sendBytes, sendFailure } from './reply.ts'

const HASH_BYTES = 32
const TILE_WIDTH = 256
/** A tile never changes, nor does a proof between two sizes. */
const forever = ['cache-control', 'public, max-age=31536000, immutable']

/**
 * Answers `GET /v1/logs/<log>/…`: checkpoints, consistency and hash tiles, as whoever mirrors or watches the log needs them (spec/proof.md §6).
 * @throws TeapotError `receipts/no-such-log`, `receipts/no-such-size`, `receipts/no-such-tile`, `serve/malformed-request`, `serve/no-such-route`
 */
export function answerLogRequest(log: PublicLog, request: IncomingMessage, response: ServerResponse, rest: string) {
  const [number = ''] = rest.split('/', 1)
  const what = rest.slice(number.length + 1)
  const present = log.checkpoint()
  if (number !== String(present.log)) throw noSuchLog(number, present.log)
  const send = (body: Uint8Array, headers: readonly string[], type = 'application/cbor'): void =>
    sendBytes(response, 200, type, body, headers)
  if (what === 'checkpoint') {
    const size = readCount(request.url!, 'size')
    if (size === undefined) return send(present.signed, fresh)
    log.checkpointAt(size).then(
      (signed) => send(signed, fresh),
      (failure) => sendFailure(response, failure),
    )
  } else if (what === 'consistency') {
    const [from, to] = [readCount(request.url!, 'from'), readCount(request.url!, 'to')]
    if (from === undefined || to === undefined) throw malformed('?from= and ?to=')
    send(encodeCbor(log.consistencyProof(from, to)), forever)
  } else if (what.startsWith('tile/')) {
    send(tileOf(log, what.slice('tile/'.length)), forever, 'application/octet-stream')
  } else throw noSuchRoute(`/v1/logs/${rest}`)
}

/**
 * A whole number in a query; undefined when it is not asked for.
 * @throws TeapotError `serve/malformed-request`
 */
export function readCount(url: string, name: string): number | undefined {
  const text = new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length)).get(name)
  if (text === null) return undefined
  if (!/^(0|[1-9]\d{0,14})$/.test(text)) throw malformed(`?${name}=`)
  return Number(text)
}

/** Which tile a path `<L>/<N>[.p/<W>]` names (C2SP tlog-tiles); undefined when it is none, or not written in the one way there is. */
export function parseTilePath(path: string): { level: number; index: number; width: number } | undefined {
  const [, level, groups, width] =
    /^(\d|[1-5]\d|6[0-3])\/((?:x(?!000)\d{3}\/(?:x\d{3}\/){0,3})?\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path) ?? []
  if (groups === undefined || Number(width ?? 1) >= TILE_WIDTH) return undefined
  return { level: Number(level), index: Number(groups.replace(/[x/]/g, '')), width: Number(width ?? TILE_WIDTH) }
}

function tileOf(log: PublicLog, path: string): Uint8Array {
  const asked = parseTilePath(path)
  const tile = asked && log.tile(asked.level, asked.index, asked.width)
  if (tile?.length === (asked?.width ?? 0) * HASH_BYTES) return tile
  throw new TeapotError(
    'receipts/no-such-tile',
    `Cannot give tile ${path.slice(0, 40)}: expected <level>/<index>[.p/<width>] of hashes that the log has, ${log.checkpoint().size} leaves`,
  )
}

function malformed(what: string): TeapotError {
  return new TeapotError('serve/malformed-request', `Cannot read ${what}: expected whole numbers below 10^15`)
}
