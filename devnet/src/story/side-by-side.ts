import { join } from 'node:path'
import type { StoryClient } from './client.ts'
import { approveActor, publishActor } from './everyday.ts'
import type { OpenNetwork } from './opening.ts'

/** An actor of each kind, what it is asked, and how its answer must look. */
const ACTORS = [
  { name: 'greeter', kind: 'a waSCC actor', operation: 'greet', payload: 'Ada', answer: /^Hello again, Ada! / },
  {
    name: 'word-count',
    kind: 'a WASI command',
    operation: 'count',
    payload: 'a nice cup of tea',
    answer: /^0 5 17\n$/,
  },
  { name: 'dice', kind: 'a component', operation: 'roll', payload: '3', answer: /^[1-6] [1-6] [1-6] = \d+$/ },
] as const

/** Step 9b: what people already have runs here, whatever it was made for. */
export async function sideBySide(network: OpenNetwork, client: StoryClient): Promise<void> {
  const { devnet, workshop } = network
  await devnet.step('9b', 'A waSCC actor, a WASI command and a component run side by side', async (say) => {
    // The party asks the greeter, in the next step.
    const added = { 'word-count': '', dice: '', party: 'actor:greeter' } as const
    const names = Object.keys(added) as (keyof typeof added)[]
    const approved: Promise<void>[] = []
    for (const name of names) {
      await publishActor(network, client, { name, version: 1, file: await workshop.actor(name), grants: added[name] })
      approved.push(approveActor(network, name, 1))
      approved.at(-1)!.catch(() => {})
    }
    await Promise.all(approved)
    for (const { name, kind, operation, payload, answer } of ACTORS) {
      const { text, claims } = await callAndProve(network, client, [name, operation, payload])
      if (!answer.test(text)) throw new Error(`Expected ${name} to answer like ${answer}, found ${text}`)
      const { fuel, isolation } = claims
      say(`${kind}, ${name}: "${text.trim()}", proven, ${fuel} fuel, isolation ${isolation}`, { name, fuel, isolation })
    }
  })
}

async function callAndProve({ devnet: { paths } }: OpenNetwork, client: StoryClient, call: string[]) {
  const proof = join(paths.client, `${call[0]}.proof`)
  const asked = await client.ask([...call, '--save', proof])
  const answer = JSON.parse(asked.stdout || '{}')
  if (asked.exitCode !== 0)
    throw new Error(`${call[0]} did not answer: ${answer.error?.message ?? asked.stdout + asked.stderr}`)
  const checked = await client.run(['proof', 'verify', proof, '--json'])
  if (checked.exitCode !== 0) throw new Error(`Expected the proof of ${call[0]} to hold, found: ${checked.stdout}`)
  return { text: Buffer.from(answer.payload, 'base64').toString(), claims: JSON.parse(checked.stdout).claims }
}
