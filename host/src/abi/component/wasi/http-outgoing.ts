import { GuestFault } from '../../guest-fault.ts'
import { Refusal, refuse } from '../refusal.ts'
import type { World } from '../world.ts'
import { Answer } from './answer.ts'
import { type ErrorCode, toErrorCode } from './http-errors.ts'
import { contentLength, type Field, isFieldValue, isForbidden, isToken } from './http-fields.ts'
import type { OutgoingRequest, RequestOptions } from './http-requests.ts'
import { FutureIncomingResponse, IncomingResponse, type Outcome } from './http-responses.ts'
import { as, providerFace } from './provider-face.ts'

/** A request that is ready to be sent. */
interface Exchange {
  readonly method: string
  readonly url: string
  readonly headers: readonly Field[]
  readonly timeoutMs: number | undefined
}

/**
 * `wasi:http/outgoing-handler.handle`: what is asked goes to capability `wasi:http` once its body is whole.
 *
 * handle: func(request: outgoing-request, options: option<request-options>) -> result<future-incoming-response, error-code>
 */
export function handleOutgoing(
  world: World,
  request: OutgoingRequest,
  options: RequestOptions | undefined,
): FutureIncomingResponse {
  world.charge()
  const { method, url, headers } = request.target
  const timeoutMs = options?.timeoutMs
  request[Symbol.dispose]()
  options?.[Symbol.dispose]()
  if (url === undefined) return refuse({ tag: 'HTTP-request-URI-invalid' } satisfies ErrorCode)
  const exchange = { method, url, headers, timeoutMs }
  const answer = new Answer<Outcome>()
  request.whenWhole((body) => {
    const failed: Outcome = { tag: 'err', val: { tag: 'HTTP-protocol-error' } }
    answer.begin(body === undefined ? Promise.resolve(failed) : perform(world, exchange, body))
  })
  return new FutureIncomingResponse(world, answer)
}

/** @throws GuestFault */
async function perform(world: World, exchange: Exchange, body: Uint8Array): Promise<Outcome> {
  try {
    const { method, url, headers, timeoutMs } = exchange
    const length = contentLength(headers)
    if (length !== undefined && length !== body.length)
      return { tag: 'err', val: { tag: 'HTTP-request-body-size', val: BigInt(body.length) } }
    const ask = providerFace(world, 'wasi:http', toErrorCode)
    const args = { method, url, headers, body, ...(timeoutMs === undefined ? {} : { timeoutMs }) }
    const answer = as.map(await ask('outgoing-handler.handle', args), 'an answer of HTTP')
    return { tag: 'ok', val: readResponse(world, answer) }
  } catch (error) {
    if (error instanceof Refusal) return { tag: 'err', val: error.payload as ErrorCode }
    if (error instanceof GuestFault) throw error
    return { tag: 'err', val: { tag: 'internal-error', val: (error as Error).message } }
  }
}

/** What guests are not to see is left out, as is what is no field. */
function readResponse(world: World, answer: ReadonlyMap<string, unknown>): IncomingResponse {
  const part = (name: string) => answer.get(name) as Parameters<typeof as.list>[0]
  const fields = as.list(part('headers'), 'headers').map((field): Field => {
    const [name, value] = as.list(field, 'a header')
    return [as.text(name, 'the name of a header'), as.bytes(value, 'the value of a header')]
  })
  const fit = fields.filter(([name, value]) => isToken(name) && isFieldValue(value) && !isForbidden(name))
  const body = as.bytes(part('body'), 'a body')
  world.keep(body.length + fields.length * 64)
  const status = Number(as.natural(part('status'), 'a status'))
  return new IncomingResponse(world, status, fit, body)
}
