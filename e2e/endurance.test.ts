import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseCheckpoint } from '@teapot-network/trust'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runDevnet } from '../devnet/src/run.ts'
import { createStoryClient, type StoryClient } from '../devnet/src/story/client.ts'
import { publishFirst } from '../devnet/src/story/everyday.ts'
import type { Box } from '../devnet/src/story/machines.ts'
import { untilStanding } from '../devnet/src/story/network.ts'
import { type OpenNetwork, openNetwork } from '../devnet/src/story/opening.ts'
import { until } from '../devnet/src/story/wait.ts'
import { openWorkshop } from '../devnet/src/story/workshop.ts'

const START_MS = 600_000
const TEST_MS = 300_000
/** The status of an answer that did not come in time (spec/call.md §4.1). */
const DEADLINE_PASSED = 504

let folder: string
let network: OpenNetwork
let client: StoryClient
const finished = Promise.withResolvers<void>()
let ended: Promise<number>

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'teapot-endurance-'))
  const up = Promise.withResolvers<void>()
  ended = runDevnet(['--once', '--json', '--nodes', '4', '--folder', folder], async (devnet) => {
    network = await openNetwork(devnet, openWorkshop(devnet))
    client = createStoryClient(devnet)
    await publishFirst(network, client)
    up.resolve()
    await finished.promise
    return { addresses: {}, commands: [] }
  })
  await Promise.race([up.promise, ended.then(() => Promise.reject(new Error('the devnet did not come up')))])
}, START_MS)

afterAll(async () => {
  finished.resolve()
  await ended
  rmSync(folder, { recursive: true, force: true })
}, START_MS)

const call = (box: Box) => fetch(`${box.url}/v1/actors/greeter/greet`, { method: 'POST', body: 'you' })

/** Calls, and asks again when the actor missed its deadline, as it may on a busy machine. */
async function greet(box: Box): Promise<Response> {
  const answer = await call(box)
  return answer.status === DEADLINE_PASSED ? greet(box) : answer
}

const epochNow = async () => (await network.ledger.readFacts()).epoch.number
const standings = async () => (await network.ledger.readFacts()).nodes.map(({ status }) => status)

async function checkpointOf(box: Box) {
  return parseCheckpoint(new Uint8Array(await (await fetch(`${box.url}/v1/checkpoint`)).arrayBuffer()))
}

/** Lets the attestation clock tick, so that whatever peers think of each other shows. */
async function epochsPass(count: number): Promise<void> {
  const from = await epochNow()
  await until(
    `${count} epochs to pass`,
    async () => ((await epochNow()) >= from + count ? true : undefined),
    network.devnet,
  )
}

test(
  'a node killed in mid-call restarts in the same boot, stays Active, and its log goes on from what it had promised',
  async () => {
    const box = network.boxes[3]!
    const before = await checkpointOf(box)
    const answered = await greet(box)
    const receiptId = answered.headers.get('teapot-receipt-id')!
    const { pid, boot } = await box.machine()
    const calls = Array.from({ length: 40 }, () => call(box))
    process.kill(pid!, 'SIGKILL')
    await Promise.allSettled(calls)
    const restarted = await until(
      `${box.name} to restart`,
      async () => {
        const status = await box.status()
        return status.loaded.some(({ name }) => name === 'greeter') ? status : undefined
      },
      network.devnet,
    )
    expect(restarted.boot).toBe(boot)
    await epochsPass(2)
    expect(await standings()).toEqual(['active', 'active', 'active', 'active'])
    expect((await greet(box)).status).toBe(200)
    const after = await checkpointOf(box)
    expect(after.sequence).toBeGreaterThan(before.sequence)
    expect(after.size).toBeGreaterThan(before.size)
    expect((await fetch(`${box.url}/v1/receipts/${receiptId}`)).status).toBe(200)
  },
  TEST_MS,
)

test(
  'a TPM that dies takes its boot with it: the machine starts over, and its peers trust it again',
  async () => {
    const box = network.boxes[2]!
    const { tpmPid, boot } = await box.machine()
    process.kill(tpmPid!, 'SIGKILL')
    const again = await until(
      `${box.name} to boot`,
      async () => {
        const status = await box.machine()
        return status.state === 'running' && status.boot !== boot ? status : undefined
      },
      network.devnet,
    )
    expect(again.boot).toBeGreaterThan(boot)
    await until(
      `${box.name} to load`,
      async () => ((await box.status()).loaded.length >= 4 ? true : undefined),
      network.devnet,
    )
    await epochsPass(2)
    await untilStanding(network, box, ['active'])
  },
  TEST_MS,
)

test(
  'a chain that goes away stops no call, and demotes nobody when it is back; a node that boots meanwhile waits for it',
  async () => {
    const box = network.boxes[1]!
    process.kill(network.chain.pid, 'SIGSTOP')
    try {
      expect((await box.machine()).state).toBe('running')
      const call = async () => {
        for (let i = 0; i < 5; i++) {
          expect((await greet(network.boxes[0]!)).status).toBe(200)
          await sleep(1_000)
        }
      }
      const [booted] = await Promise.all([box.reboot(), call()])
      expect(booted.state).toBe('running')
    } finally {
      process.kill(network.chain.pid, 'SIGCONT')
    }
    await until(
      `${box.name} to load`,
      async () => ((await box.status()).loaded.length >= 4 ? true : undefined),
      network.devnet,
    )
    await epochsPass(2)
    expect(await standings()).toEqual(['active', 'active', 'active', 'active'])
  },
  TEST_MS,
)

test(
  'a node whose processor stalls for some seconds is demoted by nobody',
  async () => {
    const { pid } = await network.boxes[3]!.machine()
    process.kill(pid!, 'SIGSTOP')
    try {
      await sleep(6_000)
    } finally {
      process.kill(pid!, 'SIGCONT')
    }
    await epochsPass(2)
    expect(await standings()).toEqual(['active', 'active', 'active', 'active'])
  },
  TEST_MS,
)

test('an actor that nobody published is refused by name, and so is an operation that it does not have', async () => {
  const box = network.boxes[0]!
  const unknown = await fetch(`${box.url}/v1/actors/nobody/greet`, { method: 'POST', body: '' })
  expect(unknown.status).toBe(404)
  expect(await unknown.json()).toMatchObject({ code: 'host/unknown-actor' })
  const operation = await fetch(`${box.url}/v1/actors/greeter/fly`, { method: 'POST', body: '' })
  expect(operation.status).toBeGreaterThanOrEqual(400)
  expect(await operation.json()).toMatchObject({ message: expect.stringContaining('fly') })
})
