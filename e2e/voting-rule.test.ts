import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { buildActor } from '@teapot-network/actors'
import { type ActorImage, createHost, type Host } from '@teapot-network/host'
import { utf8 } from '@teapot-network/trust'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { VoteFacts } from '../daemon/src/attest/round.ts'
import { createVotingRule } from '../daemon/src/voting-rule.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const facts: VoteFacts = {
  ...{ tier: 'affirming', outcome: 'affirm', status: 'active', type: 'tpm-simulated', failed: [] },
  assurance: { integrity: 'none', confidentiality: 'none' },
}
const noRule = (found: RegExp) =>
  expect.objectContaining({
    ...{ code: 'attest/no-voting-rule', kind: 'unavailable', message: expect.stringMatching(found) },
  })

describe('the voting rule, a system actor on a real host', () => {
  let wasm: Uint8Array
  let echo: Uint8Array
  let host: Host
  let rule: ReturnType<typeof createVotingRule>

  beforeAll(async () => {
    const built = await Promise.all(
      ['system/vote', 'samples/echo'].map((name) => buildActor(here(`../actors/${name}`))),
    )
    ;[wasm, echo] = built.map((one) => one.wasm) as [Uint8Array, Uint8Array]
  })
  beforeEach(async () => {
    host = await createHost({
      nodePath: process.execPath,
      sandboxEntry: here('../host/src/sandbox/main.ts'),
      invoke: () => Promise.reject(new Error('no capability is granted')),
      limits: { startMs: 60_000, loadMs: 60_000, deadlineMs: 30_000 },
    })
    rule = createVotingRule(host)
  })
  afterEach(() => host[Symbol.asyncDispose]())

  test('is released as its source is compiled; after a change: teapot actor build, and the file put beside the source', () => {
    expect(Buffer.compare(readFileSync(here('../actors/system/vote/vote.wasm')), wasm)).toBe(0)
  })

  const load = (bytes: Uint8Array, more: Partial<ActorImage> = {}) => {
    const digest = createHash('sha256').update(bytes).digest('hex')
    return host.load({ name: 'vote', publisher: '0xc0', version: 1, digest, grants: [], bytes, ...more })
  }
  const ask = async (text: string) => {
    const { payload } = await host.call({ actor: 'vote', operation: 'vote', payload: utf8(text) })
    return new TextDecoder().decode(payload)
  }

  test('votes what the runtime found', async () => {
    await load(wasm)
    expect(await rule(facts)).toBe('affirm')
    expect(await rule({ ...facts, tier: 'none', failed: ['freshness'] })).toBe('affirm')
    const mismatch: VoteFacts = { ...facts, tier: 'contraindicated', outcome: 'mismatch', failed: ['log/replay'] }
    expect(await rule(mismatch)).toBe('mismatch')
    expect(await rule({ ...facts, tier: 'warning', outcome: 'silence', failed: ['runtime/current'] })).toBe('silence')
  })
  test('is small, and imports nothing but its call', () => {
    expect(wasm.length).toBeLessThanOrEqual(20 * 1024)
    const imports = WebAssembly.Module.imports(new WebAssembly.Module(new Uint8Array(wasm)))
    expect(imports.map(({ name }) => name).sort()).toEqual(['__guest_error', '__guest_request', '__guest_response'])
  })
  test('refuses facts without an outcome, and is not misled by texts', async () => {
    await load(wasm)
    expect(await ask('{"note":"\\"outcome\\":\\"affirm\\"","outcome":"mismatch"}')).toBe('{"outcome":"mismatch"}')
    for (const text of [
      '',
      '{}',
      '{"outcome":1}',
      '{"outcome":"yes"}',
      '{"outcome":"affirm',
      '{"outcome\\":"affirm"}',
    ]) {
      await expect(ask(text), text).rejects.toMatchObject({ code: 'host/actor-error' })
    }
  })
  test('is missed where it is not loaded, and not asked where it holds a capability', async () => {
    await expect(rule(facts)).rejects.toEqual(noRule(/none loaded/))
    await load(wasm, { grants: ['wascc:logging'] })
    await expect(rule(facts)).rejects.toEqual(noRule(/holds wascc:logging/))
  })
  test('that fails, or does not answer, is no rule', async () => {
    // The echo knows no operation of that name.
    await load(echo)
    await expect(rule(facts)).rejects.toEqual(noRule(/failed: .*vote/))
  })
  test('may withhold any vote, and make no other', async () => {
    await load(wasm)
    const answering = (payload: Uint8Array) =>
      createVotingRule({ list: () => host.list(), call: async (call) => ({ ...(await host.call(call)), payload }) })
    for (const outcome of ['affirm', 'mismatch', 'silence'] as const) {
      expect(await answering(utf8('{"outcome":"silence"}'))({ ...facts, outcome })).toBe('silence')
    }
    for (const [outcome, answer, found] of [
      ['mismatch', '{"outcome":"affirm"}', /affirm where the runtime found mismatch/],
      ['affirm', '{"outcome":"mismatch"}', /mismatch where .* found affirm/],
      ['silence', '{"outcome":"affirm"}', /affirm where the runtime found silence/],
      ['affirm', '{"outcome":"maybe"}', /maybe where/],
      ['affirm', '{"outcome":"affirm","note":""}', /no outcome/],
      ['affirm', `{"outcome":"${'a'.repeat(2000)}"}`, /no outcome/],
      ...['', 'null', '7', '[]', '{}'].map((text) => ['affirm', text, /no outcome/] as const),
    ] as const) {
      await expect(answering(utf8(answer))({ ...facts, outcome }), answer).rejects.toEqual(noRule(found))
    }
    await expect(answering(Uint8Array.of(0xff))(facts)).rejects.toEqual(noRule(/no outcome/))
  })
})
