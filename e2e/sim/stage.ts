import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Digest,
  digestOf,
  EntryKind,
  encodePolicy,
  PCR_C,
  PCR_R,
  parseEventLog,
  parsePolicy,
  replayEventLog,
  utf8,
} from '@teapot-network/trust'
import { ageOf } from '../../daemon/src/attest/round.ts'
import type { Log } from '../../daemon/src/log.ts'
import { fundAccounts } from '../../ledger/src/anvil.ts'
import { boot } from './cheats.ts'
import { type SimChain, startSimChain } from './sim-chain.ts'
import { createSimNetwork } from './sim-network.ts'
import { createSimNode, operatorOf, type SimNode, type SimWorld } from './sim-node.ts'
import { createSimTime, type SimTime } from './sim-time.ts'
import { createTpmMaker } from './software-tpm.ts'

/** What a network of simulated nodes stands on, its release and policy approved on the ledger. */
export interface Stage extends AsyncDisposable {
  world: SimWorld
  /** Who hears of an epoch only some time after it opened. */
  late?: SimNode | undefined
  /** A node that boots and registers; `no maker`: the policy names none for its EK; `moved`: its EK certificate is of another TPM. */
  join(name: string, how?: 'no maker' | 'moved'): Promise<SimNode>
  /** Lets two seconds pass, mines a block, and tells the nodes of it. */
  tick(): Promise<void>
}

export interface StageOptions {
  founders: readonly string[]
  committee: number
  minEpochSeconds: number
  graceSeconds: number
  random(): number
  log(line: string): void
  onFault(problem: string): void
}

const TICK_MS = 2_000
const MOST_LAG_MS = 1_500
/** With the lag, a peer's longest pause and a round trip it is just within the grace period (spec/rounds.md §8.3). */
const LATE_SECONDS = 8

export async function createStage(options: StageOptions): Promise<Stage> {
  const { random } = options
  const folder = mkdtempSync(join(tmpdir(), 'teapot-sim-'))
  const time = createSimTime()
  const chain = await startSimChain(time, { ...options, genesis: options.founders.map(operatorOf) })
  const truthful = chain.ledgerAt(chain.url)
  const network = createSimNetwork(time, random)
  const [maker, nobody] = [await createTpmMaker('maker'), await createTpmMaker('nobody')]
  const policyBytes = encodePolicy({
    v: 1,
    types: ['tpm-simulated'],
    ekRoots: [['tpm-simulated', maker.root]],
    pcrs: [PCR_R, PCR_C],
    freshSeconds: 3_600,
  })
  const nodes: SimNode[] = []
  const log = (name: string): Log => {
    const line = (level: string) => (message: string, fields: object) => {
      const text = `${name} ${level}: ${message} ${JSON.stringify(fields)}`
      if (message === 'round work failed') options.onFault(text)
      options.log(`${String(Math.round(time.now() / 1000)).padStart(5)}s ${text}`)
    }
    return { info: line('info'), warn: line('warn'), error: line('error') } as Log
  }
  const world: SimWorld = {
    ...{ time, network, chain, folder, policyBytes, log, graceSeconds: options.graceSeconds },
    policy: parsePolicy(policyBytes),
    spareEk: (await maker.createTpm()).ek,
  }
  const sample = await maker.createTpm()
  boot({ tpm: sample }, policyBytes)
  await release(chain, time, replayEventLog(parseEventLog(sample.log())).r, digestOf(policyBytes))

  async function inform(node: SimNode): Promise<void> {
    if (node === stage.late && ageOf((await truthful.readRound()).facts) < LATE_SECONDS) return
    await time.sleep(random() * MOST_LAG_MS, new AbortController().signal)
    await node.advance().catch((error) => options.log(`${node.name} cannot advance: ${error.message}`))
  }

  const stage: Stage = {
    world,
    async join(name, how) {
      const tpm = await (how === 'no maker' ? nobody : maker).createTpm()
      if (how === 'moved') tpm.ek = (await maker.createTpm()).ek
      boot({ tpm }, policyBytes)
      const node = await createSimNode(world, name, tpm)
      nodes.push(node)
      await time.track(fundAccounts(chain.url, [operatorOf(name)]))
      return node
    },
    async tick() {
      await time.advanceTo(time.now() + TICK_MS)
      await chain.tick()
      for (const node of nodes) void inform(node)
    },
    async [Symbol.asyncDispose]() {
      for (const node of nodes) void node[Symbol.asyncDispose]()
      await time.advanceTo(time.now() + TICK_MS)
      await chain[Symbol.asyncDispose]()
      time[Symbol.dispose]()
      rmSync(folder, { recursive: true })
    },
  }
  return stage
}

/** Approves the one release that good nodes run, and the policy that they appraise by. */
async function release(chain: SimChain, time: SimTime, r: Digest, policy: Digest): Promise<void> {
  const { send } = chain.writerOf(chain.committee)
  const sent = [
    send({ contract: 'referenceValues', functionName: 'add', args: [r, '1.0.0', 'simulated'] }),
    send({
      contract: 'codeRegistry',
      functionName: 'publish',
      args: ['appraisal', EntryKind.policy, 1n, policy, 'bafk', '0x'],
    }),
  ]
  await time.advanceTo(time.now() + TICK_MS)
  await chain.tick()
  await Promise.all(sent)
  const approved = send({ contract: 'codeRegistry', functionName: 'approve', args: [digestOf(utf8('appraisal')), 1n] })
  await time.advanceTo(time.now() + TICK_MS)
  await chain.tick()
  await approved
}
