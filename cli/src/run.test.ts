import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commands } from './commands/index.ts'
import { findNetworkFile } from './network.ts'
import { teapotIn } from './teapot.fixture.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'teapot-cli-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const teapot = (...argv: string[]) => teapotIn(folder, argv)

const address = `0x${'00'.repeat(20)}`
const deployment = {
  chainId: 31337,
  deployedBlock: 1,
  codeRegistry: address,
  referenceValues: address,
  nodeRegistry: address,
  attestation: address,
  disputes: address,
  proofVerifier: address,
}

describe('teapot', () => {
  it('without a command, or asked for help, shows every command', async () => {
    for (const argv of [[], ['--help'], ['help']]) {
      const { code, out } = await teapot(...argv)
      expect(code).toBe(0)
      for (const name of Object.keys(commands)) expect(out).toContain(`teapot ${name}`)
    }
  })

  it('shows the help of each command, with its options', async () => {
    for (const name of Object.keys(commands)) {
      const { code, out } = await teapot(...name.split(' '), '--help')
      expect(code).toBe(0)
      expect(out).toContain(`teapot ${name}`)
      expect(out).toContain('--json')
    }
  })

  it('shows the commands of one noun', async () => {
    const { code, out } = await teapot('proof', '--help')
    expect([code, out]).toEqual([0, expect.stringContaining('teapot proof verify')])
    expect(out).not.toContain('teapot actor')
    expect(await teapot('proof')).toMatchObject({ code: 2, out: '' })
  })

  it('fits a terminal of 100 columns', async () => {
    for (const name of ['', ...Object.keys(commands)]) {
      const { out } = await teapot(...name.split(' '), '--help')
      for (const line of out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100)
    }
  })

  it('answers --json with JSON, and nothing else, though it was misused', async () => {
    for (const argv of [['brew'], ['actor', 'call'], ['status', '--brew']]) {
      const { code, out, err } = await teapot(...argv, '--json')
      expect([code, JSON.parse(out), err]).toEqual([2, { error: expect.objectContaining({ code: 'cli/usage' }) }, ''])
    }
  })

  it('exits 3 where a file cannot be read or written: that says nothing of a proof', async () => {
    expect(await teapot('proof', 'verify', 'no.proof')).toMatchObject({
      code: 3,
      err: expect.stringMatching(/cannot-read/),
    })
    const nowhere = ['actor', 'call', 'a', 'b', '--save', 'no/where.proof']
    expect(await teapot(...nowhere)).toMatchObject({ code: 3, err: expect.stringContaining('cli/cannot-write') })
  })

  it('exits 2 for what it cannot read', async () => {
    expect((await teapot('brew')).code).toBe(2)
    expect((await teapot('actor', 'brew')).code).toBe(2)
    expect((await teapot('status', '--brew')).code).toBe(2)
    expect((await teapot('actor', 'call', 'hello')).code).toBe(2)
    expect(await teapot('actor', 'publish', 'file.wasm')).toMatchObject({
      code: 2,
      err: expect.stringContaining('cli/usage'),
    })
    expect((await teapot('actor', 'publish', 'no.wasm', '--name', 'a')).err).toContain('cli/cannot-read')
    expect((await teapot('proof', 'verify', 'f', '--payload', 'x')).err).toMatch(/f: expected a file|--actor/)
  })

  it('exits 3 and says what to do when there is no network, or its chain does not answer', async () => {
    const missing = await teapot('status')
    expect(missing).toMatchObject({ code: 3, err: expect.stringContaining('npm start') })
    const file = join(folder, 'down.json')
    writeFileSync(file, JSON.stringify({ rpcUrls: ['http://127.0.0.1:1'], deployment }))
    const down = await teapot('status', '--network', file, '--json')
    expect(down.code).toBe(3)
    expect(JSON.parse(down.out)).toMatchObject({ error: { code: expect.stringMatching(/^ledger\//) } })
  })

  it('publishes nothing without a key', async () => {
    const file = join(folder, 'keyless.json')
    writeFileSync(file, JSON.stringify({ rpcUrls: ['http://127.0.0.1:1'], deployment }))
    const { code, err } = await teapot('actor', 'publish', file, '--name', 'a', '--network', file)
    expect([code, err]).toEqual([1, expect.stringContaining('cli/no-key')])
  })

  it('finds the network file in .teapot of a folder above', async () => {
    mkdirSync(join(folder, 'up', 'down'), { recursive: true })
    mkdirSync(join(folder, 'up', '.teapot'))
    writeFileSync(join(folder, 'up', '.teapot', 'network.json'), '{"rpcUrls":[]}')
    const before = folder
    folder = join(folder, 'up', 'down')
    const { code, err } = await teapot('status')
    folder = before
    expect(code).toBe(1)
    expect(err).toContain('cli/network-malformed')
  })

  it("takes a network file that is somebody else's only when it is named", () => {
    const shared = join(folder, 'shared')
    mkdirSync(join(shared, '.teapot'), { recursive: true })
    writeFileSync(join(shared, '.teapot', 'network.json'), '{}')
    expect(findNetworkFile(shared)).toBe(join(shared, '.teapot', 'network.json'))
    expect(() => findNetworkFile(shared, 4242)).toThrow(/--network .*shared/)
  })

  it('takes nothing but a network file as network file', async () => {
    const file = join(folder, 'junk.json')
    for (const text of [
      '',
      'null',
      '[]',
      '{"rpcUrls":[1]}',
      '{"rpcUrls":["http://x"]}',
      '{"rpcUrls":["http://x"],"deployment":7}',
    ]) {
      writeFileSync(file, text)
      const { code, err } = await teapot('node', 'attest', '0x00', '--network', file)
      expect(code).toBe(1)
      expect(err).toMatch(/cli\/network-malformed|ledger\/deployment-malformed/)
    }
  })
})

describe('teapot proof verify', () => {
  it('refuses any junk with exit 1 and a reason', async () => {
    const file = join(folder, 'junk.proof')
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (junk) => {
        writeFileSync(file, junk)
        const { code, out } = await teapot('proof', 'verify', file, '--explain')
        expect(code).toBe(1)
        expect(out).toMatch(/^none: .*\nExpected a proof of trust/)
      }),
      { numRuns: 50 },
    )
  })

  it('cannot compare a payload without knowing of which call', async () => {
    const file = join(folder, 'some.proof')
    writeFileSync(file, 'x')
    const { code, err } = await teapot('proof', 'verify', file, '--payload', 'Ada')
    expect(code).toBe(2)
    expect(err).toContain('--actor and --operation')
  })
})
