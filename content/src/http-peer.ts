import { type IncomingMessage, Agent as PlainAgent, request as requestPlain } from 'node:http'
import { request as requestTls, Agent as TlsAgent } from 'node:https'
import { concatBytes, TeapotError } from '@teapot-network/trust'
import type { CID } from 'multiformats/cid'
import { MAX_BLOCK_BYTES } from './cid.ts'

/** Asks trustless HTTP gateways for raw blocks over kept connections. What they answer is not checked here. */
export interface HttpPeers extends Disposable {
  /**
   * One block from one gateway; `undefined` when the gateway does not have it.
   * @param base the gateway's base URL, `http://127.0.0.1:1234`; `/ipfs/<cid>?format=raw` is asked below it
   * @throws TeapotError `content/peer-failed` when there is no whole answer within `timeoutMs` or it makes no sense
   */
  block(base: string, cid: CID, options: { timeoutMs: number; signal: AbortSignal }): Promise<Uint8Array | undefined>
}

/** @param self our own peer id, told to gateways for their statistics */
export function createHttpPeers(self: string): HttpPeers {
  const agents = { keepAlive: true, maxSockets: 8, maxFreeSockets: 2, timeout: 30_000 }
  const plain = new PlainAgent(agents)
  const tls = new TlsAgent(agents)
  const headers = { accept: 'application/vnd.ipld.raw', 'teapot-peer': self }
  return {
    async block(base, cid, { timeoutMs, signal }) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
      try {
        const url = blockUrl(base, cid)
        const [request, agent] = url.protocol === 'https:' ? [requestTls, tls] : [requestPlain, plain]
        const response = await new Promise<IncomingMessage>((resolve, reject) => {
          request(url, { agent, headers, signal: limit }, resolve).once('error', reject).end()
        })
        return await readBlock(response)
      } catch (cause) {
        signal.throwIfAborted()
        const found = limit.aborted ? `nothing whole within ${timeoutMs} ms` : (cause as Error).message
        const message = `Cannot get ${cid} from ${base}: expected a raw block, found ${found}`
        throw new TeapotError('content/peer-failed', message, { kind: 'unavailable', cause })
      }
    },
    [Symbol.dispose]() {
      plain.destroy()
      tls.destroy()
    },
  }
}

function blockUrl(base: string, cid: CID): URL {
  const url = new URL(`ipfs/${cid}?format=raw`, base.endsWith('/') ? base : `${base}/`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError(`an address of scheme ${url.protocol}`)
  return url
}

async function readBlock(response: IncomingMessage): Promise<Uint8Array | undefined> {
  if (response.statusCode === 404 || response.statusCode === 410) {
    response.resume()
    return undefined
  }
  if (response.statusCode !== 200) {
    response.destroy()
    throw new RangeError(`status ${response.statusCode}`)
  }
  const parts: Buffer[] = []
  let sizeBytes = 0
  for await (const part of response) {
    sizeBytes += part.length
    if (sizeBytes > MAX_BLOCK_BYTES) throw new RangeError(`more than ${MAX_BLOCK_BYTES} bytes`)
    parts.push(part)
  }
  return concatBytes(...parts)
}
