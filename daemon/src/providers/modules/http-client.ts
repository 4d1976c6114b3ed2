import type { CreateProvider } from '../provider.ts'
import { performRequest } from './http-client/client.ts'
import type { Header } from './http-client/headers.ts'
import { wascc, wasi } from './request.ts'

/**
 * `wascc:http_client` and outgoing `wasi:http`. Grant `net`. A binding's setting `allow` says what may be asked
 * (spec/host.md §6.8); the machine's owner may set `private`, exceptions by actor, and `ca`, further authorities as PEM.
 * waSCC's requests follow redirects, WASI's are answered with them.
 */
const create: CreateProvider = ({ operator }) => ({
  capabilities: {
    'wascc:http_client': {
      PerformRequest: wascc(['method', 'path', 'queryString', 'header', 'body'], async (request, call) => {
        const headers = Object.entries(request.textMap('header')).map(
          ([name, value]): Header => [name, Buffer.from(value)],
        )
        const query = request.optionalText('queryString') ?? ''
        const path = request.text('path')
        const url = query === '' || path.includes('?') ? path : `${path}?${query.replace(/^\?/, '')}`
        const asked = { method: request.text('method'), url, headers, body: request.optionalBytes('body') ?? NOTHING }
        const response = await performRequest({ ...asked, follow: true }, call, operator)
        const { status, statusText, body } = response
        return { statusCode: status, status: statusText, header: joined(response.headers), body }
      }),
    },
    'wasi:http': {
      'outgoing-handler.handle': wasi(['request'], async (args, call) => {
        const request = args.inner('request', ['method', 'url', 'headers', 'body', 'timeoutMs'])
        const asked = {
          method: request.text('method'),
          url: request.text('url'),
          headers: request.pairs('headers'),
          body: request.optionalBytes('body') ?? NOTHING,
          timeoutMs: request.optionalNatural('timeoutMs'),
        }
        const { status, headers, body } = await performRequest({ ...asked, follow: false }, call, operator)
        return { status, headers, body }
      }),
    },
  },
})

export default create

const NOTHING = new Uint8Array(0)

/** Values of one name in one text, parted by commas (RFC 9110 §5.2). */
function joined(headers: readonly Header[]): Record<string, string> {
  const all = new Map<string, string>()
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    const text = Buffer.from(value).toString('latin1')
    all.set(key, all.has(key) ? `${all.get(key)}, ${text}` : text)
  }
  return Object.fromEntries(all)
}
