import type { Verdict } from '@teapot-network/trust'
import { bootText } from '@teapot-network/trust/verdict'
import type { Say } from '../../steps.ts'
import type { StoryClient } from '../client.ts'
import type { Box } from '../machines.ts'
import { untilStanding } from '../network.ts'
import type { OpenNetwork } from '../opening.ts'
import { until } from '../wait.ts'

/** Waits until the peers have called the box Suspect, then Quarantined it, and checks that it is shut out. */
export async function untilShutOut(network: OpenNetwork, client: StoryClient, box: Box, say: Say): Promise<void> {
  await untilStanding(network, box, ['suspect', 'quarantined'])
  const verdict = await until(`a client to see through ${box.name}`, () => mismatchOf(client, box), network.devnet)
  say(`${box.name} Suspect: ${verdict.summary}`, { node: box.id, standing: 'suspect', summary: verdict.summary })
  await quarantined(network, client, box, say)
}

/** Waits for Quarantined, then checks that peers cut the box and that the client passes it over. */
export async function quarantined(network: OpenNetwork, client: StoryClient, box: Box, say: Say): Promise<void> {
  await untilStanding(network, box, ['quarantined'])
  await until(
    `${box.name} to lose its peers`,
    async () => ((await box.status()).peers === 0 ? true : undefined),
    network.devnet,
  )
  const refusal = await client.refused({ node: box.id })
  if (refusal.code !== 'sdk/node-not-active')
    throw new Error(`Expected the client to pass it over, found ${refusal.code}`)
  const { node } = await client.call({})
  if (node === box.id) throw new Error('Expected another node to answer, found the quarantined one')
  say(`${box.name} Quarantined: its peers cut it off, and the client skips it`, {
    node: box.id,
    standing: 'quarantined',
  })
}

/** Reboots the repaired box and waits until its peers trust it again. */
export async function backInService(network: OpenNetwork, box: Box, say: Say): Promise<void> {
  const { boot, state, error } = await box.reboot()
  if (state !== 'running') throw new Error(`${box.name} did not come up: ${error?.message}`)
  const facts = await untilStanding(network, box, ['active'])
  say(
    `repaired: ${box.name} rebooted (boot ${bootText(boot)}), re-enrolled, and is Active again in epoch ${facts.epoch.number}`,
    {
      node: box.id,
      standing: 'active',
    },
  )
}

async function mismatchOf(client: StoryClient, box: Box): Promise<Verdict | undefined> {
  const verdict = await client.attest(box.id)
  return verdict.outcome === 'mismatch' || verdict.tier === 'contraindicated' ? verdict : undefined
}
