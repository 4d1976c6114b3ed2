import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { fundAccounts, startAnvil } from './anvil.ts'
import { createRpc } from './rpc.ts'

const account = `0x${'ab'.repeat(20)}` as const
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'teapot-anvil-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const balance = (url: string) => createRpc(url, { timeoutMs: 60_000 }).request('eth_getBalance', [account, 'latest'])
/** What has ended counts as such, also while nobody has asked for its exit code. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.startsWith('Z')
}

describe('startAnvil', () => {
  it('starts a chain with P256VERIFY on a port of its own, and stops it', async () => {
    const anvil = await startAnvil()
    expect(await createRpc(anvil.url).request('eth_chainId', [])).toBe('0x7a69')
    await anvil[Symbol.asyncDispose]()
    await anvil.exited
    expect(isRunning(anvil.pid)).toBe(false)
  })

  it('is not there before it would save its state when told to stop', async () => {
    await using anvil = await startAnvil()
    const mask = /SigCgt:\s*([0-9a-f]+)/.exec(readFileSync(`/proc/${anvil.pid}/status`, 'utf8'))![1]
    expect(BigInt(`0x${mask}`) & 2n).toBe(2n)
  })

  it('stops, its state saved, when its owner is killed outright', async () => {
    const statePath = join(folder, 'orphan', 'state.json')
    const owner = spawn(process.execPath, [
      join(import.meta.dirname, 'anvil.fixture.ts'),
      JSON.stringify({ statePath }),
    ])
    const [line] = (await once(owner.stdout, 'data')) as [Buffer]
    const { url, pid } = JSON.parse(line.toString()) as { url: string; pid: number }
    await fundAccounts(url, [account], { wei: 9n })
    owner.kill('SIGKILL')
    await expect.poll(() => isRunning(pid)).toBe(false)
    await using anvil = await startAnvil({ statePath })
    expect(await balance(anvil.url)).toBe('0x9')
  })

  it('is killed when it does not stop', async () => {
    const anvil = await startAnvil()
    process.kill(anvil.pid, 'SIGSTOP')
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    try {
      const stopped = anvil[Symbol.asyncDispose]()
      vi.runOnlyPendingTimers()
      await stopped
    } finally {
      vi.useRealTimers()
    }
    expect(isRunning(anvil.pid)).toBe(false)
  })

  it('leaves nothing in the temporary folder', async () => {
    const own = await mkdtemp(join(folder, 'tmp-'))
    const before = process.env['TMPDIR']
    process.env['TMPDIR'] = own
    try {
      const anvil = await startAnvil()
      expect((await readdir(own)).length).toBe(1)
      await anvil[Symbol.asyncDispose]()
      expect(await readdir(own)).toEqual([])
    } finally {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
    }
  })

  it('makes blocks by itself when told how often', async () => {
    await using anvil = await startAnvil({ blockTimeSeconds: 1 })
    const rpc = createRpc(anvil.url)
    await expect.poll(() => rpc.request('eth_blockNumber', [])).not.toBe('0x0')
  })

  it('keeps its chain across a restart, and across a crash that tore the file', async () => {
    const statePath = join(folder, 'chain', 'state.json')
    {
      await using anvil = await startAnvil({ statePath })
      await fundAccounts(anvil.url, [account], { wei: 7n })
    }
    {
      await using anvil = await startAnvil({ statePath })
      expect(await balance(anvil.url)).toBe('0x7')
    }
    await truncate(statePath, Math.floor((await readFile(statePath)).length / 2))
    await using anvil = await startAnvil({ statePath })
    expect(await balance(anvil.url)).toBe('0x7')
  })

  it('says so when its state is beyond repair', async () => {
    const statePath = join(folder, 'garbage.json')
    await writeFile(statePath, 'no state')
    await expect(startAnvil({ statePath })).rejects.toMatchObject({ code: 'ledger/engine-failed' })
  })

  it('says so when the port is in use', async () => {
    await using anvil = await startAnvil()
    await expect(startAnvil({ port: anvil.port })).rejects.toMatchObject({
      code: 'ledger/engine-failed',
      message: expect.stringMatching(/in use/),
    })
  })

  it('does not start when already aborted', async () => {
    await expect(startAnvil({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  })
})
