import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildActor } from '@teapot-network/actors'
import { createHost, type Host, type HostError, SOURCE_ENTRIES } from '@teapot-network/host'
import { type Claims, digestOf, EntryKind, encodeGrants, leafInput, parseBundle, toHex } from '@teapot-network/trust'
import { requestDigest, responseDigest } from '@teapot-network/trust/call'
import { encodeBundle } from '@teapot-network/trust/encode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type * as Modules from '../../../../host/src/testing/build-module.ts'
import type * as Sample from '../../../../trust/src/proof/sample-proof.fixture.ts'
import { rerun } from '../../replay/rerun.ts'
import { teapotIn } from '../../teapot.fixture.ts'

const fixture = (room: string, file: string) => import(new URL(file, import.meta.resolve(room)).href)
const modules: typeof Modules = await fixture('@teapot-network/host', 'testing/build-module.ts')
const { makeSampleProof }: typeof Sample = await fixture('@teapot-network/trust', 'proof/sample-proof.fixture.ts')
const dice = fileURLToPath(new URL('../../../../actors/samples/dice', import.meta.url))

const GRANTS = ['actor:echo']
let folder: string
let host: Host
let sample: Sample.SampleProof
const code: Record<string, Uint8Array> = {}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teapot-replay-'))
  const deadlines = ['deadlineMs', 'maxDeadlineMs', 'loadMs', 'startMs', 'transpileMs']
  const limits = Object.fromEntries(deadlines.map((name) => [name, 120_000]))
  const invoke = async () => new Uint8Array(0)
  host = await createHost({ nodePath: process.execPath, ...SOURCE_ENTRIES, limits, invoke })
  await load('echo', modules.echo)
  await load('trap', modules.trap)
  await load('world', modules.wapcWorld)
  await load('asking', await modules.forwarding('actor:echo'))
  await load('curious', await modules.forwarding('actor:other'))
})
afterAll(async () => {
  await host?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/** Loads an actor on a node whose evidence shows it, and those before it. */
async function load(name: string, bytes: Uint8Array): Promise<void> {
  code[name] = bytes
  await host.load({ name, publisher: '0x1', version: 1, digest: digestOf(bytes), grants: GRANTS, bytes })
  await writeFile(join(folder, `${name}.wasm`), bytes)
  const kind = EntryKind.actor
  const grants = encodeGrants(GRANTS)
  const more = Object.entries(code).map(([name, bytes]) => ({ kind, name, sha256: digestOf(bytes), grants }))
  sample = await makeSampleProof({ more })
}

interface Called {
  claims: Partial<Claims>
  trace: Uint8Array | undefined
}

/** Calls an actor and says what a node would claim of it. */
async function call(actor: string, text: string, trace: boolean, operation = 'roll'): Promise<Called> {
  const request = { actor, operation, payload: Buffer.from(text) }
  const ended = await host.call({ ...request, trace }).catch((error: HostError) => error)
  const [outcome, payload] =
    'code' in ended ? [ended.code, new Uint8Array(Buffer.from(ended.message))] : ['ok', ended.payload]
  const claims: Partial<Claims> = {
    ...{ actor: { name: actor, version: 1, sha256: digestOf(code[actor]!) }, capabilities: GRANTS, operation, outcome },
    ...{ request: requestDigest(request), response: responseDigest({ outcome, payload }), fuel: ended.fuel! },
    ...(ended.trace && { trace: digestOf(ended.trace) }),
  }
  return { claims, trace: ended.trace }
}

/** Saves a proof of a call, and its trace, and replays it. */
async function replay({ claims, trace }: Called, text: string, ...more: string[]) {
  const proof = await sample.issue(claims)
  return replayFile(proof, trace, claims.actor!.name, '--payload', text, ...more)
}

async function replayFile(proof: Uint8Array, trace: Uint8Array | undefined, actor: string, ...more: string[]) {
  await writeFile(join(folder, 'a.proof'), proof)
  if (trace !== undefined) await writeFile(join(folder, 'a.trace'), trace)
  const traced = trace === undefined ? [] : ['--trace', 'a.trace']
  return teapot('proof', 'replay', 'a.proof', '--code', `${actor}.wasm`, ...traced, ...more)
}

const teapot = (...argv: string[]) => teapotIn(folder, argv)

const forged = { response: responseDigest({ outcome: 'ok', payload: Buffer.from('coffee') }) }

describe('teapot proof replay', () => {
  it('finds result, fuel and trace the same', async () => {
    const { code: exit, said: text } = await replay(await call('world', '', true), '')
    expect([exit, text]).toEqual([0, expect.stringMatching(/^same: .*✔ It used the fuel.*✔ It saw the same/s)])
  })

  it('needs no trace of a call that asked nothing of the world, failures included', async () => {
    const { code: exit, said: text } = await replay(await call('trap', 'tea', false), 'tea', '--json')
    expect([exit, JSON.parse(text)]).toMatchObject([0, { same: true, dispute: null }])
  })

  it('says so where a trace is wanted and none was made, and takes that for no dispute', async () => {
    const { code: exit, said: text } = await replay(await call('world', '', false), '')
    expect([exit, text]).toEqual([1, expect.stringMatching(/· It ends as the claims say: ok \(.*no trace was made/)])
    expect(text).not.toContain('.dispute')
  })

  it('writes what is not the same to a dispute that anyone can replay, with nothing but the code', async () => {
    const { claims, trace } = await call('world', '', true)
    const { code: exit, said: text } = await replay({ claims: { ...claims, ...forged, fuel: 1 }, trace }, '')
    expect([exit, text]).toEqual([1, expect.stringMatching(/✘ It used the fuel.*teapot proof replay a.proof.dispute/s)])
    const again = await teapot('proof', 'replay', 'a.proof.dispute', '--code', 'world.wasm')
    expect([again.code, again.said]).toEqual([1, expect.stringContaining('✘ It ends as the claims say')])
    expect(again.said).not.toContain('a.proof.dispute')
    expect((await teapot('proof', 'replay', 'a.proof.dispute', '--code', 'echo.wasm')).said).toContain('✘ The code')
    const cut = (await readFile(join(folder, 'a.proof.dispute'))).subarray(0, -1)
    await writeFile(join(folder, 'cut.dispute'), cut)
    expect((await teapot('proof', 'replay', 'cut.dispute', '--code', 'echo.wasm')).said).toContain('cbor/malformed')
  })

  it('runs nothing, and disputes nothing, when a proof does not hold or something else was given', async () => {
    const called = await call('world', '', true)
    const other = { ...called, trace: Uint8Array.of(...called.trace!.subarray(0, -1), called.trace!.at(-1)! ^ 1) }
    const unsigned = encodeBundle({ ...parseBundle(await sample.issue(called.claims)), salt: new Uint8Array(16) })
    for (const [answer, told] of [
      [await replay(called, 'coffee'), '✘ What was asked'],
      [await replay(called, '', '--code', 'echo.wasm'), '✘ The code'],
      [await replay(other, ''), '✘ So is what it saw'],
      [await replay({ ...called, trace: undefined }, ''), 'found: no trace'],
      [await replayFile(unsigned, called.trace, 'world', '--payload', ''), '✘ The proof holds'],
    ] as const) {
      expect([answer.code, answer.said]).toEqual([1, expect.stringContaining(told)])
      expect(answer.said).not.toMatch(/dispute|It ends as/)
    }
    expect((await teapot('proof', 'replay', 'a.proof', '--code', 'echo.wasm')).code).toBe(2)
  })

  it('tells a trace that the actor does not follow from what the node decided by itself', async () => {
    const [ours, theirs] = [await call('world', '', true), await call('world', '', true)]
    const swapped = { claims: { ...ours.claims, trace: digestOf(theirs.trace!) }, trace: theirs.trace }
    expect((await replay(swapped, '')).said).toContain('✘ It ends as the claims say')
    const denied = await call('curious', 'tea', true)
    expect(denied.claims.outcome).toBe('host/capability-denied')
    expect(await replay(denied, 'tea')).toMatchObject({
      code: 1,
      said: expect.stringContaining("the node's own doing"),
    })
  })

  it('holds the answers of other actors against their own proofs', async () => {
    const [parent, child] = [await call('asking', 'tea', true), await call('echo', 'tea', false)]
    for (const [change, exit] of [
      [{}, 0],
      [forged, 1],
    ] as const) {
      const below = await sample.issue({ ...child.claims, ...change })
      const { salt, claims } = parseBundle(below)
      const above = { ...parent.claims, children: [toHex(leafInput(salt, claims))] }
      const bundle = encodeBundle({ ...parseBundle(await sample.issue(above)), children: [below] })
      const answer = await replayFile(bundle, parent.trace, 'asking', '--payload', 'tea')
      expect([answer.code, answer.said]).toEqual([exit, expect.stringMatching(/[✔✘] It was answered by other actors/)])
    }
  })

  it('ends when it is interrupted, whatever the code still does', async () => {
    const inputs = { payload: new Uint8Array(0), code: modules.spin, trace: undefined, app: undefined }
    const rerunning = rerun(sample.claims, inputs, AbortSignal.timeout(1_000))
    await expect(rerunning).rejects.toMatchObject({ name: 'TimeoutError' })
  })

  it('runs components from TypeScript too', async () => {
    await load('dice', (await buildActor(dice)).wasm)
    expect(await replay(await call('dice', '12', true), '12')).toMatchObject({ code: 0 })
  }, 300_000)
})
