import { decodeMessagePack, encodeMessagePack, type Packable, type Unpacked } from '../../../message-pack.ts'
import { ActorRefusal, type EntryCall, exportedInterface } from '../entry-call.ts'
import type { World } from '../world.ts'
import { contentLength, type Field, isFieldValue, isForbidden, isToken } from './http-fields.ts'
import { IncomingRequest, isAuthority, isPathWithQuery, type RequestParts } from './http-requests.ts'
import { ResponseOutparam } from './http-responses.ts'
import { as } from './provider-face.ts'

/** The operation that `wasi:http/incoming-handler` answers. */
export const HANDLE_REQUEST = 'HandleRequest'

/**
 * `wasi:http/incoming-handler`: takes and gives what waSCC's HTTP actors do, as MessagePack maps: `{method, path, queryString, header,
 * body}` and `{statusCode, status, header, body}`.
 * @throws ActorRefusal for a request that is malformed, and when the component gives no whole response
 */
export async function callIncomingHandler({ exports, world, payload }: EntryCall): Promise<Uint8Array> {
  const request = new IncomingRequest(world, parseRequest(payload))
  const outparam = new ResponseOutparam(world)
  // handle: func(request: incoming-request, response-out: response-outparam)
  const { handle } = exportedInterface(exports, 'wasi:http/incoming-handler') as {
    handle: (request: IncomingRequest, outparam: ResponseOutparam) => Promise<void>
  }
  await handle(request, outparam)
  return encodeResponse(world, outparam)
}

/**
 * Reads a request. What could be read in two ways is refused: it may have come through others who read it in the other.
 * @throws ActorRefusal
 */
export function parseRequest(payload: Uint8Array): RequestParts {
  try {
    return readRequest(as.map(decodeMessagePack(payload), 'a request'))
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new ActorRefusal(`Expected an HTTP request in MessagePack: ${error.message}`)
  }
}

function readRequest(request: ReadonlyMap<string, Unpacked>): RequestParts {
  const method = as.text(request.get('method'), 'method')
  const path = as.text(request.get('path'), 'path')
  const query = as.text(request.get('queryString') ?? '', 'queryString')
  const body = as.bytes(request.get('body') ?? new Uint8Array(0), 'body')
  const header = [...as.map(request.get('header') ?? new Map<string, Unpacked>(), 'header')]
  const all = header.map(([name, value]): Field => [name, toBytes(as.text(value, `header ${name}`))])
  const pathWithQuery = query === '' ? path : `${path}?${query}`
  const host = all.filter(([name]) => name.toLowerCase() === 'host')
  const authority = host[0] && Buffer.from(host[0][1]).toString('latin1')
  const length = contentLength(all) ?? body.length
  const expect = (holds: boolean, expected: string) => {
    if (!holds) throw new TypeError(`Expected ${expected}, found something else`)
  }
  expect(isToken(method), 'a token as method')
  expect(isPathWithQuery(pathWithQuery) && path.startsWith('/'), 'a path from / on, and a query, in visible ASCII')
  expect(query === '' || !path.includes('?'), 'a query in queryString or in path')
  expect(
    all.every(([name, value]) => isToken(name) && isFieldValue(value)),
    'header fields without control characters',
  )
  expect(host.length <= 1 && (authority === undefined || isAuthority(authority)), 'at most one host')
  expect(length === body.length, `a content-length of ${body.length}`)
  const fields = all.filter(([name]) => !isForbidden(name))
  return { method, pathWithQuery, authority, fields, body }
}

/** Values in Latin-1, as Node's HTTP has them; what does not fit in UTF-8. */
function toBytes(value: string): Uint8Array {
  return Buffer.from(value, /^[\0-\xff]*$/.test(value) ? 'latin1' : 'utf8')
}

function encodeResponse(world: World, { response }: ResponseOutparam): Uint8Array {
  if (response === undefined) throw new ActorRefusal('Expected a response to be set, found none')
  if (response.tag === 'err') throw new ActorRefusal(`HTTP error ${describe(response.val)}`)
  const { status, fields, body } = response.val.whole
  if (body === undefined)
    throw new ActorRefusal('Expected the body of the response to be finished, found it unfinished')
  const answer = { statusCode: status, status: '', header: headerOf(fields), body }
  const bytes = encodeMessagePack(answer)
  world.charge(bytes.length)
  return bytes
}

/**
 * Values of one name in one text, parted by commas (RFC 9110 §5.2); of `set-cookie`, whose values hold commas, a list. Whoever sends
 * the response says how long it is.
 */
function headerOf(fields: readonly Field[]): Packable {
  const header = new Map<string, string[]>()
  for (const [name, value] of fields) {
    const key = name.toLowerCase()
    header.set(key, [...(header.get(key) ?? []), Buffer.from(value).toString('latin1')])
  }
  header.delete('content-length')
  return Object.fromEntries(
    [...header].map(([key, values]) => [key, key === 'set-cookie' && values.length > 1 ? values : values.join(', ')]),
  )
}

function describe({ tag, val }: { readonly tag: string; readonly val?: unknown }): string {
  if (val === undefined) return tag
  return `${tag}: ${typeof val === 'string' ? val : JSON.stringify(val, (_, item) => (typeof item === 'bigint' ? `${item}` : item))}`
}
