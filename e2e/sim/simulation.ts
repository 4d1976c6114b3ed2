import type { Round as LedgerRound } from '@teapot-network/ledger'
import type { NodeStatus } from '@teapot-network/trust'
import { ageOf, dutiful, promiseSeconds } from '../../daemon/src/attest/round.ts'
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

interface Member {
  node: SimNode
  cheat: Cheat
  fate: Fate
  turned: boolean
  /** Once Active. */
  joined?: boolean
  /** Ledger seconds until which its last ballot counts. */
  promisedUntil?: number
  /** The epoch by whose opening it must be out. */
  due?: number
}

const MIN_EPOCH_SECONDS = 20
/** Below the least length of an epoch, so that no hasty reporter keeps silence from being voted on. */
const GRACE_SECONDS = 12
const EXCLUSION_EPOCHS = 2
/** Whoever was not there when the last ballot came, newly joined or restarted, waits as long itself before it calls a promise broken. */
const PROMISE_EPOCHS = 2 + EXCLUSION_EPOCHS
/** What a report left out is brought by then, seconds after the next epoch opened. */
const REPAIR_SECONDS = 10
/** How long a cheat that stays is watched. */
const WATCHED_EPOCHS = 3

/** Runs the product's rounds on simulated time and network, a real chain, and software TPMs, while cheats of each kind join and turn. */
export async function simulate(options: SimOptions): Promise<SimOutcome> {
  const { seed, epochs, liars, log = () => {} } = options
  const random = createRandom(seed)
  const problems = new Set<string>()
  const good = Array.from({ length: options.nodes - liars }, (_, i) => `honest-${i + 1}`)
  const founders = Array.from({ length: liars }, (_, i) => `verifier-${i + 1}`)
  await using stage = await createStage({
    ...{ founders: [...good, ...founders], committee: options.committee, random, log },
    ...{ minEpochSeconds: MIN_EPOCH_SECONDS, graceSeconds: GRACE_SECONDS },
    onFault: (problem) => problems.add(problem),
  })
  const honest = await Promise.all(good.map((name) => stage.join(name)))
  const outsiders = await Promise.all([stage.join('no-maker', 'no maker'), stage.join('moved-ak', 'moved')])
  const cast = createCast(stage, random, options, (problem) => problems.add(problem))
  const { chain } = stage.world
  const observer = chain.ledgerAt(chain.url)
  const weather = await createWeather(stage, honest, random)
  let now: LedgerRound = await observer.readRound()
  for (let epoch = 0; now.facts.epoch.number <= epochs; now = await observer.readRound()) {
    const statusOf = ({ id }: SimNode) => now.facts.nodes.find((node) => node.id === id)?.status
    if (now.facts.epoch.number !== epoch) {
      epoch = now.facts.epoch.number
      log(`epoch ${epoch}: ${now.facts.nodes.map(({ status }) => status).join(' ')}`)
      await cast.begin(now)
      weather.begin(epoch, cast.calm())
    }
    cast.watch(now)
    for (const problem of cast.overdue(now)) problems.add(problem)
    for (const node of honest) {
      const bad = epoch > 1 && (statusOf(node) !== 'active' || !now.standings.get(node.id)?.bonded)
      if (bad) problems.add(`${node.name}, which is honest, is ${statusOf(node)} in epoch ${epoch}`)
    }
    for (const node of outsiders) {
      if (statusOf(node) === 'active') problems.add(`${node.name} was admitted in epoch ${epoch}`)
    }
    if (ageOf(now.facts) > 10 * MIN_EPOCH_SECONDS) {
      problems.add(`epoch ${epoch} does not end`)
      break
    }
    await stage.tick()
  }
  await weather[Symbol.asyncDispose]()
  const simulatedSeconds = Math.round(stage.world.time.now() / 1000)
  return { seed, epochs: now.facts.epoch.number - 1, simulatedSeconds, fates: cast.fates(now), problems: [...problems] }
}

/** Who cheats, and when: machines and Verifiers, so many of each at a time, in an order that the seed gives. */
function createCast(
  stage: Stage,
  random: () => number,
  { liars, cheats = [''] }: SimOptions,
  onProblem: (problem: string) => void,
) {
  const members: Member[] = []
  const chosen = CHEATS.filter(({ name }) => cheats.some((start) => name.startsWith(start)))
  const waiting = shuffled(chosen, random).sort((a, b) => Number(b.end === 'promise') - Number(a.end === 'promise'))
  const active = (now: LedgerRound, { node }: Member) =>
    now.facts.nodes.some(({ id, status }) => id === node.id && status === 'active')
  const busy = (kind: Cheat['kind']) =>
    members.filter(({ cheat, turned, fate }) => cheat.kind === kind && turned && !fate.out)

  /** New ones join as long as few are there that may turn soon. */
  async function recruit(kind: Cheat['kind']): Promise<void> {
    const ready = members.filter(({ cheat, turned }) => cheat.kind === kind && !turned).length
    for (let i = ready; i < liars; i++) {
      const cheat = waiting.find((one) => one.kind === kind)
      if (!cheat) return
      waiting.splice(waiting.indexOf(cheat), 1)
      const name = `${kind}-${members.filter((one) => one.cheat.kind === kind).length + 1}`
      members.push({ node: await stage.join(name), cheat, fate: { cheat: cheat.name, node: name }, turned: false })
    }
  }

  function turn(member: Member, now: () => LedgerRound): void {
    const { cheat, node, fate } = member
    member.turned = true
    cheat.turn(node, stage.world, () => {
      if (fate.since) return
      const { epoch, block } = now().facts
      fate.since = epoch.number
      if (!cheat.end) member.due = epoch.number + EXCLUSION_EPOCHS
      if (cheat.end === 'promise') member.promisedUntil = block.timestamp + promiseSeconds(now(), GRACE_SECONDS)
    })
  }

  let latest: LedgerRound
  return {
    async begin(now: LedgerRound) {
      latest = now
      const { number, openedAt } = now.facts.epoch
      const duties = dutiful(now)
      for (const member of members) {
        const { cheat, node, turned, promisedUntil } = member
        if (promisedUntil && !member.due && promisedUntil < openedAt) member.due = number + PROMISE_EPOCHS
        const useful = cheat.kind === 'machine' || duties.has(node.id)
        if (turned || number < 3 || !useful || !active(now, member) || busy(cheat.kind).length >= liars) continue
        turn(member, () => latest)
      }
      await recruit('verifier')
      if (number > 1) await recruit('machine')
    },
    watch(now: LedgerRound) {
      latest = now
      const { number } = now.facts.epoch
      for (const member of members) {
        const { fate, cheat, node, turned } = member
        const isActive = active(now, member)
        member.joined ||= isActive
        if (member.joined && !turned && !isActive)
          onProblem(`${node.name} was put out in epoch ${number} before it cheated`)
        // Copied what was false before it could know better.
        if (turned && !isActive) fate.since ??= number
        if (!fate.since || fate.out) continue
        if (!isActive) fate.out = number
        else if (cheat.end === 'made good' && number >= fate.since + WATCHED_EPOCHS) {
          node.cheating = {}
          fate.out = number
        }
      }
    },
    /** Whether nobody is to be put out now. */
    calm: () => !members.some(({ fate, cheat }) => fate.since && !fate.out && !cheat.end),
    overdue: (now: LedgerRound) =>
      members
        .filter(({ due, fate }) => due && !fate.out && due <= now.facts.epoch.number)
        .filter(({ due }) => due! < now.facts.epoch.number || ageOf(now.facts) > REPAIR_SECONDS)
        .filter((member) => active(now, member))
        .map(
          ({ fate, due }) => `${fate.node}, which ${fate.cheat} since epoch ${fate.since}, is not out by epoch ${due}`,
        ),
    fates: (now: LedgerRound): Fate[] =>
      members.map(({ fate, node }) => ({ ...fate, status: now.facts.nodes.find(({ id }) => id === node.id)?.status })),
  }
}

/** What befalls honest nodes: a parted network, a restart in the middle of an epoch, an endpoint of the chain that lies to one. */
async function createWeather({ world }: Stage, honest: readonly SimNode[], random: () => number) {
  const { chain, network } = world
  const proxy = await startProxy(() => chain.url)
  proxy.alter = ({ method }, result) =>
    method === 'eth_call' && typeof result === 'string' ? result.replace(/.{64}$/, 'f'.repeat(64)) : result
  const [a, b, c] = shuffled(honest, random) as [SimNode, SimNode, SimNode]
  const truthful = c.ledger
  return {
    begin(epoch: number, calm: boolean) {
      const parted = epoch % 6 === 4 ? [a.address, b.address] : []
      network.parted = (one, other) => parted.includes(one) && parted.includes(other)
      // A node that is lied to stands still: one more that fails its peers than the liars, were there any.
      c.ledger = calm && c.ledger === truthful && epoch > 1 ? chain.ledgerAt(chain.url, proxy.url) : truthful
      if (epoch % 4 === 2) void b.restart()
    },
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((x, y) => x.at - y.at)
    .map(({ item }) => item)
}
