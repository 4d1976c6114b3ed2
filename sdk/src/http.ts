import { type ErrorKind, TeapotError } from '@teapot-network/trust'

/** The `fetch` that a client uses; injected in tests and by pages that route through a service worker. */
export type Fetch = typeof globalThis.fetch

/** What came back, read whole. */
export interface HttpAnswer {
  status: number
  headers: Headers
  body: Uint8Array
}

/** How one request is bounded. */
export interface HttpOptions {
  fetch: Fetch
  timeoutMs: number
  /** A longer body is refused while it comes in. */
  limitBytes: number
  signal?: AbortSignal | undefined
  method?: 'GET' | 'POST' | 'PUT'
  body?: Uint8Array
}

/**
 * One bounded HTTP request.
 * @throws TeapotError `sdk/node-unreachable` (unavailable) when there is no whole answer in time, `sdk/answer-too-large`
 */
export async function request(url: string, options: HttpOptions): Promise<HttpAnswer> {
  const { fetch, timeoutMs, limitBytes, signal, method = 'GET', body } = options
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, {
      method,
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      redirect: 'error',
      cache: 'no-store',
      ...(body === undefined ? {} : { body: body as BufferSource }),
    })
    return { status: response.status, headers: response.headers, body: await readBounded(response, limitBytes) }
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof TeapotError) throw cause
    const why = timeout.aborted ? `no whole answer within ${timeoutMs} ms` : (cause as Error).message
    throw new TeapotError('sdk/node-unreachable', `Cannot reach ${url}: ${why}; try another node`, {
      kind: 'unavailable',
      cause,
    })
  }
}

/** GETs bytes; an answer other than 200 is thrown as what it says. */
export async function getBytes(url: string, options: HttpOptions): Promise<Uint8Array> {
  const answer = await request(url, options)
  if (answer.status !== 200) throw failureOf(answer, url)
  return answer.body
}

/**
 * What a node's error answer says, as an error: `{code, message}` of its JSON, else `sdk/bad-answer`.
 * The code is the node's word and proves nothing; what only a client can find is not its to say.
 */
export function failureOf(answer: HttpAnswer, url: string): TeapotError {
  const kind: ErrorKind = answer.status >= 502 ? 'unavailable' : answer.status === 500 ? 'fault' : 'refused'
  try {
    const { code, message } = JSON.parse(new TextDecoder().decode(answer.body)) as Record<string, unknown>
    if (typeof code === 'string' && typeof message === 'string' && codePattern.test(code)) {
      return new TeapotError(code, message.slice(0, MESSAGE_CHARACTERS), { kind })
    }
  } catch {}
  return new TeapotError('sdk/bad-answer', `Cannot use the answer of ${url}: found HTTP ${answer.status}`, { kind })
}

const codePattern = /^(?!cli\/|sdk\/)[a-z-]{1,32}\/[a-z0-9-]{1,64}$/
const MESSAGE_CHARACTERS = 2048

async function readBounded(response: Response, limitBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  if (response.body !== null) {
    for await (const chunk of streamOf(response.body)) {
      sizeBytes += chunk.length
      if (sizeBytes > limitBytes) {
        throw new TeapotError(
          'sdk/answer-too-large',
          `Cannot take the answer of ${response.url}: over ${limitBytes} bytes`,
        )
      }
      chunks.push(chunk)
    }
  }
  const body = new Uint8Array(sizeBytes)
  let at = 0
  for (const chunk of chunks) {
    body.set(chunk, at)
    at += chunk.length
  }
  return body
}

/** Browsers do not all iterate streams yet. */
async function* streamOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
