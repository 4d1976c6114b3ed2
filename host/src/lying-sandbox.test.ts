import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FrameType } from './messages.ts'
import { echo } from './testing/build-module.ts'
import { fakeSandbox } from './testing/fake-sandbox.fixture.ts'
import { ask, image, openHost, refusal } from './testing/open-host.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teapot-liar-'))
  // Each call is answered with the bytes that its payload names.
  const lies = Object.entries(LIES).map(([name, expression]) => `${JSON.stringify(name)}: (id) => ${expression}`)
  const answer = `if (type === ${FrameType.call}) pipe.write(lies[body.subarray(7 + body.readUInt16LE(5)).toString()](id))`
  const code = fakeSandbox(answer, `const lies = { ${lies.join(', ')} }`)
  await writeFile(join(directory, 'liar.mjs'), code)
})
afterAll(() => rm(directory, { recursive: true }))

const LIES = {
  garbage: "Buffer.from('HTTP/1.1 200 OK and much more of that')",
  'a length of 0': 'Buffer.alloc(9)',
  'a length beyond every limit': 'Buffer.from([255, 255, 255, 127, 17, 0, 0, 0, 0])',
  'an answer to no call': `frame(${FrameType.ok}, id + 1000, Buffer.alloc(1))`,
  'an answer over the limit': `frame(${FrameType.ok}, id, Buffer.alloc(5000))`,
  'an answer without fuel': `frame(${FrameType.ok}, id, Buffer.alloc(3))`,
  'a trace that nobody asked for': `frame(${FrameType.trace}, id, Buffer.alloc(3))`,
  'a frame of an unknown type': 'frame(99, id, Buffer.alloc(0))',
  'an unknown failure': `frame(${FrameType.error}, id, Buffer.of(0, 0, 0, 0, 0, 0, 200))`,
  'a failure without a body': `frame(${FrameType.error}, id, Buffer.alloc(0))`,
  'a capability call cut short': `frame(${FrameType.hostCall}, id, Buffer.of(1, 0, 65, 9))`,
  'a capability call with a name over the limit': `frame(${FrameType.hostCall}, id, Buffer.concat([Buffer.of(44, 1), Buffer.alloc(400)]))`,
  'an answer while a capability call is open': `Buffer.concat([frame(${FrameType.hostCall}, id, Buffer.concat([...['default', 'wascc:keyvalue', 'Get'].flatMap((n) => [Buffer.of(n.length, 0), Buffer.from(n)])])), frame(${FrameType.ok}, id, Buffer.of(1))])`,
  'log lines without end': `Buffer.concat(Array(200).fill(frame(${FrameType.log}, id, Buffer.from('la'))))`,
  'a frame of the host': `frame(${FrameType.load}, id, Buffer.alloc(0))`,
  'to be ready again': `frame(${FrameType.ready}, 0, Buffer.alloc(0))`,
}

test('A sandbox that breaks the protocol is killed and replaced, and its calls fail as such', {
  timeout: 240_000,
}, async () => {
  await using host = await openHost({
    sandboxEntry: join(directory, 'liar.mjs'),
    invoke: () => new Promise(() => {}),
    limits: { responseBytes: 4_096, payloadBytes: 8_192, textBytes: 1_024, deadlineMs: 30_000 },
  })
  await host.load(image('liar', echo, { grants: ['wascc:keyvalue'] }))
  for (const lie of Object.keys(LIES)) {
    const pid = host.sandboxes()[0]?.pid
    const error = await refusal(ask(host, 'liar', lie))
    expect(error, lie).toMatchObject({ code: 'host/bad-frame', kind: 'fault' })
    await host.load(image(lie, echo))
    expect(host.sandboxes()[0]?.pid, lie).not.toBe(pid)
  }
})

test('A sandbox that does not start is told at once, with what it said', async () => {
  const entry = join(directory, 'broken.mjs')
  await writeFile(entry, "throw new Error('no tea today')")
  expect(await refusal(openHost({ sandboxEntry: entry }))).toMatchObject({
    code: 'host/sandbox-lost',
    message: expect.stringMatching(/no tea today/),
  })
  const missing = join(directory, 'missing.mjs')
  expect(await refusal(openHost({ sandboxEntry: missing }))).toMatchObject({
    code: 'host/sandbox-lost',
    message: expect.stringMatching(/missing/),
  })
})
