import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One JSON-RPC request as it passes the proxy. */
export interface Passing {
  method: string
  params: unknown[]
}

/** A real HTTP proxy before a chain's endpoint, for tests of lies and outages. */
export interface RpcProxy extends AsyncDisposable {
  url: string
  /** While set, connections are cut. */
  down: boolean
  /** Changes what the chain is asked. */
  rewrite: (request: Passing) => Passing
  /** Changes what the chain answered. */
  alter: (request: Passing, result: unknown) => unknown
  /** What passed since the last `clear()`. */
  passed: string[]
}

/** Starts a proxy before the endpoint at `target()`; which may come and go. */
export async function startProxy(target: () => string): Promise<RpcProxy> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    try {
      if (proxy.down) throw new Error('down')
      await pass(Buffer.concat(chunks).toString(), response)
    } catch {
      response.destroy()
    }
  })

  async function pass(body: string, response: ServerResponse): Promise<void> {
    const request = proxy.rewrite(JSON.parse(body) as Passing)
    proxy.passed.push(request.method)
    const answer = (await (
      await fetch(target(), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
      })
    ).json()) as { result?: unknown }
    if ('result' in answer) answer.result = proxy.alter(request, answer.result)
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: RpcProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    down: false,
    rewrite: (request) => request,
    alter: (_, result) => result,
    passed: [],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}

/** A `rewrite` by which so many requests of each method are cut. */
export function cutting(left: Map<string, number>): RpcProxy['rewrite'] {
  return (request) => {
    const cuts = left.get(request.method) ?? 0
    if (cuts === 0) return request
    left.set(request.method, cuts - 1)
    throw new Error('cut')
  }
}
