import { assigned, type Round as LedgerRound } from '@teapot-network/ledger'
import type { NodeId, NodeStatus } from '@teapot-network/trust'
import { ageOf, owesEvidence } from '../../daemon/src/attest/round.ts'
import { startProxy } from '../../ledger/testing/proxy.ts'
import { CHEATS, type Cheat } from './cheats.ts'
import type { SimNode } from './sim-node.ts'
import { createRandom } from './sim-time.ts'
import { createStage, type Stage } from './stage.ts'

/** @see simulate */
export interface SimOptions {
  seed: number
  /** Entitled nodes at the start, those of them that will lie included. */
  nodes: number
  epochs: number
  /** So many Verifiers lie at a time, and so many machines cheat. */
  liars: number
  /** K: so many are assigned to each node where more could vote. */
  committee: number
  /** Beginnings of the names of the cheats that take part; default all. */
  cheats?: readonly string[]
  log?(line: string): void
}

/** What became of one cheat; numbers are epochs. */
export interface Fate {
  cheat: string
  node: string
  /** The first act from which the network could tell. */
  since?: number
  /** When it was no longer entitled. */
  out?: number
  status?: NodeStatus | undefined
}

/** What a simulation found; `problems` is empty when all held that must. */
export interface SimOutcome {
  seed: number
  epochs: number
  simulatedSeconds: number
  fates: Fate[]
  problems: string[]
}

interface Member extends Fate {
  kind: Cheat['kind']
  act: Cheat
  on: SimNode
  stage: 'waits' | 'good' | 'turned' | 'over'
  /** The epoch by which it must be out. */
  due?: number
}

const MIN_EPOCH_SECONDS = 20
/** Below the least length of an epoch, so that no hasty reporter keeps silence from being voted on. */
const GRACE_SECONDS = 12
const EXCLUSION_EPOCHS = 2
/** What a report left out is brought by then, seconds after the next epoch opened. */
const REPAIR_SECONDS = 10
/** How long a cheat that stays is watched. */
const WATCHED_EPOCHS = 3

/** Runs the product's rounds on simulated time and network, a real chain, and software TPMs, while cheats of each kind join and turn. */
export async function simulate(options: SimOptions): Promise<SimOutcome> {
  const { seed, epochs, liars, log = () => {} } = options
  const random = createRandom(seed)
  const found = new Set<string>()
  const names = (kind: string, count: number) => Array.from({ length: count }, (_, i) => `${kind}-${i + 1}`)
  const good = names('honest', options.nodes - liars)
  await using stage = await createStage({
    ...{ founders: [...good, ...names('verifier', liars)], committee: options.committee, random, log },
    ...{ minEpochSeconds: MIN_EPOCH_SECONDS, graceSeconds: GRACE_SECONDS, onFault: (fault) => found.add(fault) },
  })
  const honest = await Promise.all(good.map((name) => stage.join(name)))
  const outsiders = await Promise.all([stage.join('no-maker', 'no maker'), stage.join('moved-ak', 'moved')])
  const cast = createCast(stage, random, options)
  const { chain, time } = stage.world
  await using weather = await createWeather(stage, honest, random)
  const read = () => chain.ledgerAt(chain.url).readRound()
  let now = await read()
  for (let epoch = 0; now.facts.epoch.number <= epochs; now = await read()) {
    if (now.facts.epoch.number !== epoch) {
      epoch = now.facts.epoch.number
      log(`epoch ${epoch}: ${now.facts.nodes.map(({ status }) => status).join(' ')}`)
      const owed = weather.owed()
      await cast.begin(now, owed)
      weather.begin(epoch, liars - owed - cast.failing())
    }
    for (const problem of cast.watch(now)) found.add(problem)
    for (const { id, name } of honest) {
      const fell = epoch > 1 && (statusOf(now, id) !== 'active' || !now.standings.get(id)?.bonded)
      if (fell) found.add(`${name}, which is honest, is ${statusOf(now, id)} in epoch ${epoch}`)
    }
    for (const { id, name } of outsiders) if (statusOf(now, id) === 'active') found.add(`${name} was admitted`)
    if (ageOf(now.facts) > 10 * MIN_EPOCH_SECONDS) {
      found.add(`epoch ${epoch} does not end`)
      break
    }
    await stage.tick()
  }
  const simulatedSeconds = Math.round(time.now() / 1000)
  return { seed, epochs: now.facts.epoch.number - 1, simulatedSeconds, fates: cast.fates(now), problems: [...found] }
}

function statusOf({ facts }: LedgerRound, node: NodeId): NodeStatus | undefined {
  return facts.nodes.find(({ id }) => id === node)?.status
}

/** Who cheats, and when: machines and Verifiers, so many of each at a time, in an order that the seed gives. */
function createCast(stage: Stage, random: () => number, { liars, cheats = [''] }: SimOptions) {
  const members: Member[] = []
  const chosen = CHEATS.filter(({ name }) => cheats.some((start) => name.startsWith(start)))
  const waiting = shuffled(chosen, random).sort((a, b) => Number(b.end === 'silence') - Number(a.end === 'silence'))
  let now: LedgerRound

  /** A committee bears so many whose votes are missing or false, for whatever reason. */
  const fails = ({ kind, act }: Member) => kind === 'verifier' || act.mute === true
  const busy = (failing: boolean) => members.filter((one) => fails(one) === failing && one.stage === 'turned').length

  /** New ones join as long as few are there that may turn soon. */
  async function recruit(kind: Cheat['kind']): Promise<void> {
    const ofKind = members.filter((one) => one.kind === kind)
    for (
      let ready = ofKind.filter(({ stage }) => stage === 'waits' || stage === 'good').length;
      ready < liars;
      ready++
    ) {
      const act = waiting.find((one) => one.kind === kind)
      if (!act) return
      waiting.splice(waiting.indexOf(act), 1)
      const node = `${kind}-${members.filter((one) => one.kind === kind).length + 1}`
      members.push({ cheat: act.name, node, kind, act, on: await stage.join(node), stage: 'waits' })
    }
  }

  function turn(member: Member): void {
    member.stage = 'turned'
    member.act.turn(member.on, stage.world, () => {
      if (member.since) return
      member.since = now.facts.epoch.number + (member.act.end === 'silence' ? 1 : 0)
      if (member.act.end !== 'made good') member.due = member.since + EXCLUSION_EPOCHS
    })
  }

  /** What must not be; moves a member on. */
  function problemOf(member: Member): string | undefined {
    const { number } = now.facts.epoch
    const active = statusOf(now, member.on.id) === 'active'
    if (member.stage === 'good' && !active) return `${member.node} was put out before it cheated`
    if (member.stage !== 'turned') return undefined
    // Whoever copies may do wrong before it could know better.
    if (!active) member.since ??= number
    const watched = member.act.end === 'made good' && member.since && number >= member.since + WATCHED_EPOCHS
    if (!active || watched) [member.stage, member.out] = ['over', number]
    if (member.stage === 'over' && member.kind === 'verifier') member.on.cheating = {}
    const late = member.due && (number > member.due || (number === member.due && ageOf(now.facts) > REPAIR_SECONDS))
    if (active && late)
      return `${member.node}, which ${member.cheat} since epoch ${member.since}, is not out by epoch ${member.due}`
    return undefined
  }

  return {
    /** @param owed so many honest nodes fail their peers besides */
    async begin(opened: LedgerRound, owed: number) {
      now = opened
      const { number } = now.facts.epoch
      const duties = new Set(now.facts.nodes.filter(owesEvidence).flatMap(({ id }) => assigned(now, id)))
      for (const member of members) {
        const { kind, on } = member
        if (member.stage === 'waits' && statusOf(now, on.id) === 'active') member.stage = 'good'
        const useful = member.stage === 'good' && (kind === 'machine' || duties.has(on.id))
        const failing = fails(member)
        if (useful && number > 2 && busy(failing) + (failing ? owed : 0) < liars) turn(member)
      }
      await recruit('verifier')
      if (number > 1) await recruit('machine')
    },
    watch(block: LedgerRound): string[] {
      now = block
      return members.flatMap((member) => problemOf(member) ?? [])
    },
    failing: () => busy(true),
    fates: (last: LedgerRound) =>
      members.map(({ cheat, node, since, out, on }): Fate => {
        return { cheat, node, ...(since && { since }), ...(out && { out }), status: statusOf(last, on.id) }
      }),
  }
}

/**
 * What befalls honest nodes, and is no failure: one whose messages take long, one that is late, a restart in the middle of an epoch. And what a
 * committee bears instead of cheats (spec/rounds.md §8.2): a parted network, an endpoint of the chain that lies to one, and an epoch in which
 * one shows evidence and cannot reach anybody, so that it has no votes to show.
 */
async function createWeather(stage: Stage, honest: readonly SimNode[], random: () => number) {
  const { chain, network } = stage.world
  const proxy = await startProxy(() => chain.url)
  proxy.alter = ({ method }, result) =>
    method === 'eth_call' && typeof result === 'string' ? result.replace(/.{64}$/, 'f'.repeat(64)) : result
  const order = shuffled(honest, random) as [SimNode, SimNode]
  const [a, b] = order
  let turn = 0
  let lied: SimNode | undefined
  return {
    /** @param spare so many more a committee bears */
    begin(epoch: number, spare: number) {
      const [slow, late] = shuffled(honest, random)
      network.slow = slow!.address
      stage.late = late
      const fails = epoch > 1 && spare > 0
      const parted = fails && spare > 1 && epoch % 3 === 1 ? [a.address, b.address] : []
      // By turns, so that nobody misses too many.
      const victim = fails ? order[turn++ % order.length] : undefined
      if (lied) lied.ledger = chain.ledgerAt(chain.url)
      lied = lied ? undefined : victim
      if (lied) lied.ledger = chain.ledgerAt(chain.url, proxy.url)
      const deaf = lied ? undefined : victim?.address
      network.parted = (from, to) => from === deaf || (parted.includes(from) && parted.includes(to))
      if (epoch % 4 === 2) void b.restart()
    },
    /** Who was not there in an epoch blames nobody in the next. */
    owed: () => (lied ? 1 : 0),
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((x, y) => x.at - y.at)
    .map(({ item }) => item)
}
