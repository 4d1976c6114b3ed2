import { type AbiFunction, decodeFunctionResult, encodeFunctionResult, type Hex, toFunctionSelector } from 'viem'
import { createRelay, type Relay } from './relay.ts'

/** Which answers a lying RPC endpoint rewrites, and how. */
export interface Rewrite {
  /** The contract asked. */
  to: string
  /** The function asked, as its ABI has it. */
  abi: AbiFunction
  /** Gets the answer decoded (an array when the function returns several values) and returns another of the same shape. */
  alter(answer: unknown): unknown
}

/** A JSON-RPC endpoint that passes the real chain on, but for what {@link RpcProxy.lie} tells it. */
export interface RpcProxy extends Relay {
  /** From now on rewrites these answers; an empty list makes it honest again. */
  lie(rewrites: Rewrite[]): void
  /** How many answers it has rewritten. */
  readonly told: number
}

interface RpcRequest {
  id: unknown
  method: string
  params?: unknown[]
}

interface RpcResponse {
  id: unknown
  result?: unknown
}

/** Starts the owner's RPC proxy in front of the chain at `target`, over HTTP; calls may come one at a time or in batches. */
export async function createRpcProxy({ target, port = 0 }: { target: string; port?: number }): Promise<RpcProxy> {
  let rewrites: Rewrite[] = []
  let told = 0

  const rewriteOne = (request: RpcRequest | undefined, response: RpcResponse): RpcResponse => {
    const rewrite = request && rewrites.find((candidate) => asks(request, candidate))
    if (!rewrite || typeof response.result !== 'string') return response
    told++
    return { ...response, result: rewriteAnswer(rewrite, response.result as Hex) }
  }

  const relay = await createRelay(
    {
      target: () => target,
      alter({ request, response }) {
        if (rewrites.length === 0) return undefined
        const asked: RpcRequest | RpcRequest[] = parseJson(request)
        const answered: RpcResponse | RpcResponse[] = parseJson(response)
        const requests = [asked].flat()
        const rewritten = [answered].flat().map((one) =>
          rewriteOne(
            requests.find(({ id }) => id === one.id),
            one,
          ),
        )
        return { response: Buffer.from(JSON.stringify(Array.isArray(answered) ? rewritten : rewritten[0])) }
      },
    },
    { port },
  )
  return {
    ...relay,
    lie: (next) => {
      rewrites = next
    },
    get told() {
      return told
    },
  }
}

function asks({ method, params }: RpcRequest, { to, abi }: Rewrite): boolean {
  if (method !== 'eth_call') return false
  const call = params?.[0] as { to?: string; data?: string; input?: string } | undefined
  const data = call?.data ?? call?.input
  return call?.to?.toLowerCase() === to.toLowerCase() && data?.startsWith(toFunctionSelector(abi)) === true
}

function rewriteAnswer({ abi, alter }: Rewrite, data: Hex): Hex {
  const shape = { abi: [abi], functionName: abi.name }
  return encodeFunctionResult({
    ...shape,
    result: alter(decodeFunctionResult({ ...shape, data })) as readonly unknown[],
  })
}

function parseJson(bytes: Uint8Array) {
  return JSON.parse(Buffer.from(bytes).toString('utf8'))
}
