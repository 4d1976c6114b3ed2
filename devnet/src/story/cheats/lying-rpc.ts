import { readFile } from 'node:fs/promises'
import { digestOf, type Hex, type Reason } from '@teapot-network/trust'
import { addSpy, lieAbout, SPY, widenGrants } from '../../attacks/ledger-lies.ts'
import type { StoryClient } from '../client.ts'
import { offerBlock } from '../everyday.ts'
import type { Box } from '../machines.ts'
import { untilStanding } from '../network.ts'
import type { OpenNetwork } from '../opening.ts'
import { until } from '../wait.ts'
import { quarantined } from './caught.ts'

/**
 * 7c: the owner's RPC endpoint passes the real chain on, but adds an actor, then widens what a genuine one was granted. The genuine
 * runtime believes it, measures both, and thereby tells on its owner.
 */
export async function lyingRpc(network: OpenNetwork, client: StoryClient, box: Box): Promise<void> {
  const { devnet, ownRpc } = network
  await devnet.step(
    '7c',
    "Cheat: the owner's RPC endpoint adds an actor that the ledger never held, then widens a grant",
    async (say) => {
      const bytes = await readFile(await network.workshop.actor('echo'))
      const sha256 = digestOf(bytes)
      const spy = addSpy('greeter', sha256)
      ownRpc.lie([lieAbout(network.deployment, spy)])
      await until('the box to take the bytes', () => offer(box, sha256, bytes), devnet)
      say(`${box.name} was told of an actor "${SPY}", fetched, measured and loaded it`)
      await untilStanding(network, box, ['suspect', 'quarantined'])
      say(`${box.name} Suspect: ${await untilFound(network, client, box, /unknown name/)}`)
      ownRpc.lie([lieAbout(network.deployment, widenGrants('greeter'), spy)])
      const found = await untilFound(network, client, box, /never gave it/)
      say(`${box.name} was told of a wider grant for "greeter", and measured that too: ${found}`)
      await quarantined(network, client, box, say)
      ownRpc.lie([])
    },
  )
}

/** The box takes bytes that its ledger, as it is told, names. */
async function offer(box: Box, sha256: Hex, bytes: Uint8Array): Promise<true | undefined> {
  await offerBlock(box, sha256, bytes)
  return (await box.status()).loaded.some(({ name }) => name === SPY) || undefined
}

/** Waits until the evidence shows a fitting entry that the ledger never held. @returns what was expected and what was found */
function untilFound({ devnet }: OpenNetwork, client: StoryClient, box: Box, pattern: RegExp): Promise<string> {
  const leaves = (reasons: readonly Reason[]): Reason[] =>
    reasons.flatMap((reason) => [reason, ...leaves(reason.because ?? [])])
  const probe = async () => {
    const { reasons } = await client.attest(box.id)
    const reason = leaves(reasons).find(({ status, found }) => status === 'fail' && found && pattern.test(found))
    return reason && `Expected ${reason.expected}, found ${reason.found}.`
  }
  return until(`a client to see through ${box.name}`, probe, devnet)
}
