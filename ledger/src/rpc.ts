import { type Digest, type Hex, TeapotError } from '@teapot-network/trust'

/** A JSON-RPC error as the endpoint gave it: the request was understood and refused. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly code: number
  /** The revert data of a call that reverted, else undefined. */
  readonly data: Hex | undefined

  constructor(code: number, message: string, data: Hex | undefined) {
    super(message)
    this.code = code
    this.data = data
  }
}

/** One way to an EVM chain: a single endpoint, or several of which the first that answers is used. */
export interface Rpc {
  /**
   * @throws TeapotError `ledger/unreachable` when no endpoint answers in time, or answers with no JSON-RPC
   * @throws RpcError when the endpoint refuses the request
   */
  request(method: string, params: unknown[], options?: { signal?: AbortSignal | undefined }): Promise<unknown>
}

/** What we take from a block header. */
export interface BlockHeader {
  number: number
  hash: Digest
  parentHash: Digest
  /** Seconds since 1970. */
  timestamp: number
}

/** Talks to one endpoint over HTTP. Nothing is retried here: callers know what may be repeated. */
export function createRpc(url: string, { timeoutMs = 5_000 } = {}): Rpc {
  let id = 0
  return {
    async request(method, params, { signal } = {}) {
      const deadline = AbortSignal.timeout(timeoutMs)
      const body = JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params })
      let answer: unknown
      try {
        const response = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
          signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
        })
        answer = await response.json()
      } catch (cause) {
        signal?.throwIfAborted()
        throw unreachable(url, method, (cause as Error).message, cause)
      }
      return resultOf(answer, url, method)
    },
  }
}

/** Uses the first endpoint that answers, beginning with the one that answered last. */
export function withFallback(rpcs: readonly Rpc[]): Rpc {
  let preferred = 0
  return {
    async request(method, params, options) {
      let last: unknown
      for (let i = 0; i < rpcs.length; i++) {
        const at = (preferred + i) % rpcs.length
        try {
          const result = await rpcs[at]!.request(method, params, options)
          preferred = at
          return result
        } catch (error) {
          if (!(error instanceof TeapotError)) throw error
          last = error
        }
      }
      throw last
    },
  }
}

/** Checks once, before the first request, that the endpoint serves the chain of the deployment. */
export function ofChain(rpc: Rpc, chainId: number, url: string): Rpc {
  let checked = false
  return {
    async request(method, params, options) {
      if (!checked) {
        const found = parseQuantity(await rpc.request('eth_chainId', [], options), 'chain id')
        if (found !== chainId) {
          const message = `Expected chain ${chainId} at ${url}, found chain ${found}. Use an endpoint of the network's chain.`
          throw new TeapotError('ledger/wrong-chain', message)
        }
        checked = true
      }
      return rpc.request(method, params, options)
    },
  }
}

/** Reads one block's header; `undefined` if the endpoint has no such block. */
export async function readHeader(
  rpc: Rpc,
  block: number | 'latest',
  signal: AbortSignal | undefined,
): Promise<BlockHeader | undefined> {
  const tag = typeof block === 'number' ? quantity(block) : block
  return parseHeader(await rpc.request('eth_getBlockByNumber', [tag, false], { signal }))
}

/**
 * Reads a block as JSON-RPC gives it.
 * @throws TeapotError `ledger/malformed-answer`
 */
export function parseHeader(block: unknown): BlockHeader | undefined {
  if (block === null) return undefined
  const { number, hash, parentHash, timestamp } = fields(block)
  return {
    number: parseQuantity(number, 'block number'),
    hash: parseDigest(hash, 'block hash'),
    parentHash: parseDigest(parentHash, 'parent hash'),
    timestamp: parseQuantity(timestamp, 'block timestamp'),
  }
}

/** A number as JSON-RPC wants it. */
export function quantity(value: number | bigint): Hex {
  return `0x${value.toString(16)}`
}

/** @throws TeapotError `ledger/malformed-answer` unless it is a hex quantity up to 2^53 − 1 */
export function parseQuantity(value: unknown, what: string): number {
  const number = typeof value === 'string' && /^0x[0-9a-f]{1,14}$/i.test(value) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(number)) throw malformed(what, 'a hex quantity', value)
  return number
}

/** @throws TeapotError `ledger/malformed-answer` unless it is 32 bytes in hex */
export function parseDigest(value: unknown, what: string): Digest {
  if (typeof value !== 'string' || !/^0x[0-9a-f]{64}$/i.test(value)) throw malformed(what, '32 bytes in hex', value)
  return value.toLowerCase() as Digest
}

/** @throws TeapotError `ledger/malformed-answer` unless it is whole bytes in hex */
export function parseBytes(value: unknown, what: string): Hex {
  if (typeof value !== 'string' || !/^0x([0-9a-f]{2})*$/i.test(value)) throw malformed(what, 'bytes in hex', value)
  return value as Hex
}

/** The members of a JSON object; @throws TeapotError `ledger/malformed-answer` for anything else */
export function fields(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('answer', 'an object', value)
  return value as Record<string, unknown>
}

/** The error for an answer that is no answer. */
export function malformed(what: string, expected: string, found: unknown): TeapotError {
  const shown = JSON.stringify(found)?.slice(0, 100)
  const message = `Cannot read ${what} from the chain's endpoint: expected ${expected}, found ${shown}. Use another endpoint.`
  return new TeapotError('ledger/malformed-answer', message, { kind: 'unavailable' })
}

function resultOf(answer: unknown, url: string, method: string): unknown {
  if (typeof answer !== 'object' || answer === null) throw unreachable(url, method, 'no JSON-RPC answer', undefined)
  if ('result' in answer) return answer.result
  const { error } = answer as { error?: { code?: unknown; message?: unknown; data?: unknown } }
  if (typeof error !== 'object' || error === null) throw unreachable(url, method, 'no JSON-RPC answer', undefined)
  const data =
    typeof error.data === 'string' && /^0x([0-9a-f]{2})*$/i.test(error.data) ? (error.data as Hex) : undefined
  throw new RpcError(Number(error.code), String(error.message), data)
}

function unreachable(url: string, method: string, reason: string, cause: unknown): TeapotError {
  const message = `Cannot reach the chain: expected an answer to ${method} from ${url}, found: ${reason}. Check that it runs.`
  return new TeapotError('ledger/unreachable', message, { kind: 'unavailable', cause })
}
