import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FrameType } from './messages.ts'
import { echo } from './testing/build-module.ts'
import { ask, image, openHost, refusal } from './testing/open-host.ts'

/**
 * A sandbox whose code was taken over: it says that it is ready, answers loads, and answers calls with the bytes that are
 * in their payload, so that each test can lie in its own way. `ID` in them is replaced by the call's id.
 */
const LIAR = `
import { Socket } from 'node:net'
const pipe = new Socket({ fd: 3 })
const frame = (type, id, body) => { const f = Buffer.alloc(9 + body.length); f.writeUInt32LE(5 + body.length, 0); f[4] = type; f.writeUInt32LE(id, 5); body.copy(f, 9); return f }
let held = Buffer.alloc(0)
pipe.on('data', (chunk) => {
  held = Buffer.concat([held, chunk])
  while (held.length >= 4 && held.length >= 4 + held.readUInt32LE(0)) {
    const [type, id] = [held[4], held.readUInt32LE(5)]
    const body = held.subarray(9, 4 + held.readUInt32LE(0))
    held = held.subarray(4 + held.readUInt32LE(0))
    if (type === 1 && id !== 0) pipe.write(frame(17, id, Buffer.of(0, 0, 0, 0, 0, 0, 1, 0)))
    if (type === 2) pipe.write(eval(body.subarray(7 + body.readUInt16LE(5)).toString()))
  }
})
pipe.on('end', () => process.exit())
pipe.write(frame(16, 0, Buffer.alloc(0)))
`

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teapot-liar-'))
  // The switch against code from strings holds for this sandbox too: the lies are listed instead.
  const lies = Object.entries(LIES).map(([name, expression]) => `${JSON.stringify(name)}: (id) => ${expression}`)
  const code = LIAR.replace(/eval\((.*)\)\)/, `({ ${lies.join(', ')} })[$1](id))`)
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
  'to be ready again, for a call': `frame(${FrameType.load}, id, Buffer.alloc(0))`,
}

test('A sandbox that breaks the protocol is killed and replaced, and its calls fail as such', async () => {
  await using host = await openHost({
    sandboxEntry: join(directory, 'liar.mjs'),
    invoke: () => new Promise(() => {}),
    limits: { responseBytes: 4_096, payloadBytes: 8_192, textBytes: 1_024, deadlineMs: 20_000 },
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
