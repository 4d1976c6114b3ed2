import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from './limits.ts'
import { FrameType } from './messages.ts'
import { prepareSandboxCode } from './sandbox-code.ts'
import { SandboxProcess } from './sandbox-process.ts'
import { actor, echo, importOf, numbers } from './testing/build-module.ts'
import { fakeSandbox } from './testing/fake-sandbox.fixture.ts'
import { ask, image, openHost, refusal } from './testing/open-host.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teapot-escape-'))
})
afterAll(() => rm(directory, { recursive: true }))

/** Names that mean something to every object of JavaScript, or to code that pastes them. */
const ODD_NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '',
  "'];process.exit();//",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is meant to look like a template.
  '${1}',
  '\u0000',
]
const PROTOTYPE = Object.getOwnPropertyNames(Object.prototype).sort()

test('Names that mean something to every object mean nothing to the host', async () => {
  const names = ODD_NAMES.map((name) => JSON.stringify(name)).join(', ')
  const entry = join(directory, 'odd.mjs')
  await writeFile(
    entry,
    fakeSandbox(
      `if (type === ${FrameType.hostError}) said += body.toString().slice(0, 22) + ';'
      if (type !== ${FrameType.call} && type !== ${FrameType.hostError}) continue
      if (asked < odd.length) {
        const text = odd[asked++]
        pipe.write(frame(${FrameType.hostCall}, id, Buffer.concat([name(text), name(text), name(text), Buffer.from('{"__proto__":{"polluted":1}}')])))
      } else pipe.write(frame(${FrameType.ok}, id, Buffer.concat([Buffer.alloc(6), Buffer.from(said)])))`,
      `const name = (text) => Buffer.concat([Buffer.of(Buffer.byteLength(text), 0), Buffer.from(text)])
      const odd = [${names}]
      let asked = 0
      let said = ''`,
    ),
  )
  const invoked: string[] = []
  await using host = await openHost({
    sandboxEntry: entry,
    invoke: ({ capability }) => {
      invoked.push(capability)
      return Promise.resolve(new Uint8Array(0))
    },
  })
  await host.load(image('odd', echo, { grants: ['wascc:keyvalue'] }))
  expect(await ask(host, 'odd').catch((error: Error) => error.message)).toMatch(/host\/capability-denied/)
  expect(invoked).toEqual([])
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(PROTOTYPE)
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})

test('Actors may be called what every object has, and be given settings of that name', async () => {
  const environment = JSON.parse('{"__proto__": "x", "constructor": "y"}') as Record<string, string>
  await using host = await openHost()
  for (const name of ['__proto__', 'constructor', 'toString']) {
    expect((await refusal(ask(host, name))).code).toBe('host/unknown-actor')
    await host.load(image(name, echo, { environment }))
    expect(await ask(host, name, 'hello')).toBe('hello')
  }
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(PROTOTYPE)
})

test('Imports with the names of code or of prototypes keep a module from loading, and run nothing', async () => {
  await using host = await openHost()
  await host.load(image('neighbour', echo))
  const pid = host.sandboxes()[0]?.pid
  for (const name of ODD_NAMES)
    for (const [module, field] of [
      ['wapc', name],
      [name, '__guest_request'],
      ['env', name],
    ] as const) {
      const bytes = await actor(numbers(1), { imports: importOf(module, field) })
      const error = await refusal(host.load(image(`imports ${module} ${field}`, bytes)))
      expect(error, JSON.stringify([module, field])).toMatchObject({ code: 'host/forbidden-import' })
    }
  expect(await ask(host, 'neighbour', 'hello')).toBe('hello')
  expect(host.sandboxes()[0]?.pid).toBe(pid)
})

test('A sandbox that floods its output is ended', async () => {
  const entry = join(directory, 'flood.mjs')
  const flood =
    "const line = 'la'.repeat(1 << 15)\nfor (const out of [process.stdout, process.stderr]) setInterval(() => out.write(line))"
  await writeFile(
    entry,
    `import { Socket } from 'node:net'\nnew Socket({ fd: 3 }).write(Buffer.of(5, 0, 0, 0, 16, 0, 0, 0, 0))\n${flood}`,
  )
  await using code = await prepareSandboxCode({ nodePath: process.execPath, sandboxEntry: entry, isolation: 'best' })
  const sandbox = new SandboxProcess(code, DEFAULT_LIMITS)
  const lost = Promise.withResolvers<string>()
  sandbox.onLost = ({ text }) => lost.resolve(text)
  expect((await lost.promise).length).toBeLessThan(2 * DEFAULT_LIMITS.textBytes)
  await sandbox.exited
})

test('The sandbox bundles into one file, and runs from it alone', async () => {
  const outfile = join(directory, 'sandbox.mjs')
  await build({
    entryPoints: [new URL('./sandbox/main.ts', import.meta.url).pathname],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node26',
    outfile,
  })
  expect((await readFile(outfile)).length).toBeLessThan(256 << 10)
  await using host = await openHost({ sandboxEntry: outfile })
  await host.load(image('echo', echo))
  expect(await ask(host, 'echo', 'hello')).toBe('hello')
})
