import { expect, it } from 'vitest'
import { failureOf, getBytes, request } from './http.ts'
import { serve } from './server.fixture.ts'

const options = { fetch, timeoutMs: 60_000, limitBytes: 100 }

it('an answer longer than the limit is refused while it comes in', async () => {
  await using server = await serve((_, response) => void response.end('x'.repeat(101)))
  await expect(request(server.url, options)).rejects.toMatchObject({ code: 'sdk/answer-too-large' })
})

it('no answer in time, and no server, are unavailable', async () => {
  await using server = await serve(() => undefined)
  const expected = { code: 'sdk/node-unreachable', kind: 'unavailable' }
  await expect(request(server.url, { ...options, timeoutMs: 100 })).rejects.toMatchObject(expected)
  await expect(request('http://127.0.0.1:1', options)).rejects.toMatchObject(expected)
})

it('an aborted request throws the reason of the signal', async () => {
  const controller = new AbortController()
  const reason = new Error('changed my mind')
  await using server = await serve(() => controller.abort(reason))
  await expect(request(server.url, { ...options, signal: controller.signal })).rejects.toBe(reason)
})

it('redirects are not followed: another place is another node', async () => {
  await using server = await serve((_, response) => void response.writeHead(302, { location: '/elsewhere' }).end())
  await expect(request(server.url, options)).rejects.toMatchObject({ code: 'sdk/node-unreachable' })
})

it("a node's error is thrown as what it says", async () => {
  await using server = await serve(
    (_, response) =>
      void response.writeHead(404).end(JSON.stringify({ code: 'host/unknown-actor', message: 'no such' })),
  )
  await expect(getBytes(server.url, options)).rejects.toMatchObject({ code: 'host/unknown-actor', message: 'no such' })
})

it('an error answer that is no error of ours keeps nothing of its text', () => {
  const answerOf = (text: string) => ({ status: 503, headers: new Headers(), body: new TextEncoder().encode(text) })
  for (const text of [
    '<html>',
    '{}',
    '[]',
    '{"code":1,"message":"x"}',
    '{"code":"x\\u001b[2J/y","message":"x"}',
    'null',
  ]) {
    const failure = failureOf(answerOf(text), 'http://node')
    expect(failure).toMatchObject({ code: 'sdk/bad-answer', kind: 'unavailable' })
  }
  for (const code of ['cli/usage', 'sdk/proof-refused'])
    expect(failureOf(answerOf(JSON.stringify({ code, message: 'x' })), 'http://node').code).toBe('sdk/bad-answer')
  const long = failureOf(answerOf(JSON.stringify({ code: 'host/trap', message: 'x'.repeat(1 << 20) })), 'http://node')
  expect(long.message.length).toBeLessThanOrEqual(2048)
})
