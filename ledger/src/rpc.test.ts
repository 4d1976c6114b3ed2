import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TeapotError } from '@teapot-network/trust'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRpc, parseBytes, parseDigest, parseHeader, parseQuantity, RpcError, withFallback } from './rpc.ts'

const malformed = { code: 'ledger/malformed-answer', kind: 'unavailable' }
const header = {
  number: '0x10',
  hash: `0x${'AB'.repeat(32)}`,
  parentHash: `0x${'cd'.repeat(32)}`,
  timestamp: '0x6ba7bd80',
}

/** An endpoint that answers every request with these bytes. */
async function endpoint(body: string | undefined) {
  const server = createServer((_, response) => (body === undefined ? undefined : response.end(body)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('parseHeader', () => {
  it('reads a block, digests in lower case', () => {
    const digest = `0x${'ab'.repeat(32)}`
    expect(parseHeader(header)).toEqual({
      number: 16,
      hash: digest,
      parentHash: header.parentHash,
      timestamp: 0x6ba7bd80,
    })
    expect(parseHeader(null)).toBeUndefined()
  })

  it('refuses whatever else comes in place of a field', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(header)), fc.jsonValue(), (name, value) => {
        fc.pre(typeof value !== 'string' || !/^0x[0-9a-f]+$/i.test(value))
        expect(() => parseHeader({ ...header, [name]: value })).toThrow(expect.objectContaining(malformed))
      }),
    )
  })

  it('refuses whatever else comes in place of a block', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(value !== null)
        expect(() => parseHeader(value)).toThrow(TeapotError)
      }),
    )
  })
})

describe('parseQuantity, parseDigest and parseBytes', () => {
  it('read every number up to 2^53 − 1 and refuse the next', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (n) => parseQuantity(`0x${n.toString(16)}`, 'n') === n))
    expect(() => parseQuantity('0x20000000000000', 'n')).toThrow(expect.objectContaining(malformed))
  })

  it('refuse cut and odd hex', () => {
    for (const value of ['0x', '0x1', `0x${'a'.repeat(63)}`, `0x${'g'.repeat(64)}`, `0x${'a'.repeat(66)}`]) {
      expect(() => parseDigest(value, 'digest')).toThrow(expect.objectContaining(malformed))
    }
    for (const value of ['', '0x1', '0xzz', 'ab', 5, null]) {
      expect(() => parseBytes(value, 'bytes')).toThrow(expect.objectContaining(malformed))
    }
  })
})

describe('createRpc', () => {
  it('gives the error of the endpoint as it came', async () => {
    await using server = await endpoint('{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"no","data":"0x01"}}')
    const error = await createRpc(server.url)
      .request('x', [])
      .catch((e: unknown) => e)
    expect(error).toBeInstanceOf(RpcError)
    expect(error).toMatchObject({ code: 3, message: 'no', data: '0x01' })
  })

  it('calls an endpoint unreachable that speaks no JSON-RPC', async () => {
    for (const body of ['', '<html>', 'null', '[]', '{}', '{"error":null}', '{"error":"x"}']) {
      await using server = await endpoint(body)
      const request = createRpc(server.url).request('x', [])
      await expect(request, body).rejects.toMatchObject({ code: 'ledger/unreachable', kind: 'unavailable' })
    }
  })

  it('gives up on an endpoint that does not answer, and at once when aborted', async () => {
    await using server = await endpoint(undefined)
    const rpc = createRpc(server.url, { timeoutMs: 50 })
    await expect(rpc.request('x', [])).rejects.toMatchObject({ code: 'ledger/unreachable' })
    const signal = AbortSignal.abort()
    await expect(createRpc(server.url).request('x', [], { signal })).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('falls back to the next endpoint when one is dead', async () => {
    await using server = await endpoint('{"result":"0x1"}')
    const rpc = withFallback([createRpc('http://127.0.0.1:9'), createRpc(server.url)])
    expect(await rpc.request('x', [])).toBe('0x1')
    const dead = withFallback([createRpc('http://127.0.0.1:9')])
    await expect(dead.request('x', [])).rejects.toMatchObject({ code: 'ledger/unreachable' })
  })
})
