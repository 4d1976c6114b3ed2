import type { Devnet } from '../devnet.ts'
import type { Say } from '../steps.ts'
import type { Box } from '../story/machines.ts'
import { until } from '../story/wait.ts'
import { CHEATS, type Cheat, type CheatName, turnPatched } from './cheats.ts'
import { callSteadily } from './client.ts'
import { lyingFirmware, openSiege, type Recruit, recruit, type Siege, untilActive, untilDrawn } from './opening.ts'
import type { PatchName } from './patches.ts'
import { stolenIdentity } from './stolen-identity.ts'
import { WAIT_MS } from './watch.ts'

/** Within so many epochs of its turning a cheat must be out. */
const PATIENCE = 2

/**
 * A network that cheats of every kind join, and two of whose Verifiers lie. Each cheat must be shut out within two epochs, no honest node
 * ever be doubted, and every answer that a client took verify.
 */
export async function withstandSiege(devnet: Devnet, epochs: number): Promise<undefined> {
  const siege = await devnet.step('1', 'Verifiers come up, two of them on machines whose firmware lies', (say) =>
    openSiege(devnet, say),
  )
  const { watch, liars } = siege
  const first = watch.epoch
  const calls = callSteadily(siege)
  const step = <Result>(id: string, title: string, run: (say: Say) => Promise<Result>) =>
    devnet.step(id, title, async (say) => {
      const result = await run(say)
      noneDoubted(siege)
      return result
    })

  // Machines of the next step come while those of this one are found out. A committee of six bears two that fall silent, not three: no
  // more of them turn at a time.
  let quiet!: Promise<Entrant[]>
  let last!: Promise<[Entrant[], ...Box[]]>
  await step('2', 'Cheats ask to join; Active machines show bad logs, or evidence of another', async (say) => {
    const strangers = ['altered-image', 'patched-launcher', 'unknown-maker'] as const
    const cheats = await join(siege, ...strangers, 'added-actor', 'shorter-log', 'relayed-evidence')
    await withstand(siege, cheats, say, () => {
      quiet = later(siege, () => join(siege, 'old-evidence', 'gone-silent', 'new-quotes', 'no-votes'))
    })
  })
  await step(
    '3',
    'Active machines fall silent, show old evidence, or another quote to each; a TPM is copied',
    async (say) => {
      const double = (name: string) => recruit(siege, name, lyingFirmware(siege))
      const next = () => Promise.all([join(siege, 'wider-grant'), double('double-1'), double('double-2')])
      const cheats = withstand(siege, await quiet, say, () => {
        last = later(siege, next)
      })
      await Promise.all([cheats, stolenIdentity(siege, calls.client, say)])
    },
  )
  const [granted, ...doubles] = await last
  await step('4', 'Two of seven Verifiers vote the opposite, while a cheat turns', (say) =>
    withstand(siege, granted, say, () => Promise.all(liars.map((box) => turnLiar(siege, box, 'opposite', say)))),
  )
  await step('5', 'Two of the seven Verifiers that there are now vote twice', async (say) => {
    await Promise.all(doubles.map((box) => untilDrawn(siege, box)))
    await Promise.all(doubles.map((box) => turnLiar(siege, box, 'twice', say)))
  })
  await step('6', `${epochs} epochs, and no honest node was doubted`, async (say) => {
    await watch.untilEpoch(first + epochs)
    const answers = await calls.stop()
    say(`${answers.verified} answers taken from ${answers.nodes} nodes, all verified`, answers)
    const passed = watch.epoch - first
    const convicted = watch.changes.filter(({ event }) => event === 'Convicted').length
    const counts = { cheats: Object.keys(CHEATS).length, liars: liars.length + doubles.length, convicted, passed }
    say(`${counts.cheats} cheats and ${counts.liars} lying Verifiers in ${passed} epochs`, counts)
  })
  return undefined
}

/** A cheat whose machine runs. */
type Entrant = Cheat & { box: Recruit; since: number }

/** Lets cheats join together. */
function join(siege: Siege, ...names: CheatName[]): Promise<Entrant[]> {
  const { watch, devnet } = siege
  return Promise.all(
    names.map(async (name) => {
      const { setup, ...cheat } = CHEATS[name]
      const box = await recruit(siege, name, await setup?.(siege, devnet.paths.machine(name)))
      return { ...cheat, box, since: watch.epoch }
    }),
  )
}

/** Begins when those that have just turned are up again; if it fails, so does what waits for it. */
function later<Value>({ watch }: Siege, work: () => Promise<Value>): Promise<Value> {
  const done = watch.untilEpoch(watch.epoch + 1).then(work)
  done.catch(() => {})
  return done
}

/**
 * Has those that begin honest turn once all are Active, and each switched off when it is out.
 * @param meanwhile begins when they turn
 */
async function withstand(siege: Siege, cheats: readonly Entrant[], say: Say, meanwhile: () => unknown): Promise<void> {
  const active = untilActive(siege, ...cheats.filter(({ turn }) => turn).map(({ box }) => box))
  const settled = cheats.map(async ({ box, title, turn, since }) => {
    if (turn) await active
    const out = turn ? await outAfter(siege, box, async () => turn(siege, box)) : await neverIn(siege, box, since)
    say(`${box.name} ${title}: ${out}`, { node: box.id, standing: siege.watch.standing(box.id) ?? 'pending' })
    await box.stop()
  })
  await Promise.all([...settled, active.then(meanwhile)])
}

async function turnLiar(siege: Siege, box: Box, patch: PatchName, say: Say): Promise<void> {
  const out = await outAfter(siege, box, () => turnPatched(siege, box, patch))
  say(`${box.name}, a Verifier with the patch "${patch}": ${out}`, { node: box.id, standing: 'quarantined' })
  await box.stop()
}

/** Has one that was Active turn, and waits until it is out for good. @throws Error when that took longer than it may */
async function outAfter(siege: Siege, { id, name }: Box, turn: () => Promise<unknown>): Promise<string> {
  const { watch, ledger } = siege
  const { signal } = siege.devnet
  const wait = { signal, timeoutMs: WAIT_MS }
  const before = watch.epoch
  await turn()
  // From the ledger: the watch hears of an epoch a moment later.
  const turned = (await ledger.readFacts({ signal })).epoch.number
  const isOut = () => watch.changes.find(({ node, to, epoch }) => node === id && to !== 'active' && epoch >= before)
  const out = await until(`${name} to be shut out`, isOut, wait)
  const after = out.epoch - turned
  if (after > PATIENCE)
    throw new Error(`Expected ${name} out within ${PATIENCE} epochs, found it ${out.to} after ${after}`)
  await until(`${name} to be done with`, () => watch.standing(id) !== 'suspect' || undefined, wait)
  const how = out.event === 'Convicted' ? 'convicted of a vote in' : `${out.to} by the votes of`
  return `turned in epoch ${turned}, ${how} epoch ${out.epoch}, now ${watch.standing(id)}`
}

/** Waits long enough for a stranger to be let in, and checks that it was not. */
async function neverIn({ watch }: Siege, { id, name }: Box, since: number): Promise<string> {
  await watch.untilEpoch(since + PATIENCE + 1)
  if (watch.changes.some(({ node, to }) => node === id && to === 'active'))
    throw new Error(`Expected ${name} never to be Active, found that it was`)
  return `came in epoch ${since}, never Active, now ${watch.standing(id) ?? 'pending'}`
}

/** @throws Error when the chain ever said anything but Active of an honest node */
function noneDoubted({ watch, honest }: Siege): void {
  const doubted = honest.filter(({ id }) => watch.changes.some(({ node, to }) => node === id && to !== 'active'))
  if (doubted.length > 0)
    throw new Error(`Expected no honest node to be doubted, found ${doubted.map(({ name }) => name)}`)
}
