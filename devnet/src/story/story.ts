import { writeFileSync } from 'node:fs'
import type { Devnet, NetworkUp } from '../devnet.ts'
import { alteredImage } from './cheats/altered-image.ts'
import { backInService } from './cheats/caught.ts'
import { lyingRpc } from './cheats/lying-rpc.ts'
import { networkInBetween } from './cheats/network-in-between.ts'
import { patchedLauncher } from './cheats/patched-launcher.ts'
import { createStoryClient } from './client.ts'
import { callAndVerify, publishFirst, upgrade } from './everyday.ts'
import { openNetwork } from './opening.ts'
import { proven } from './proven.ts'
import { sideBySide } from './side-by-side.ts'
import type { Workshop } from './workshop.ts'

/** The story of README.md, told by a real network. One that was cut goes on with what the ledger does not show as done; one that was told whole does not cheat again. */
export async function tellStory(devnet: Devnet, opening: Promise<Workshop>): Promise<NetworkUp> {
  const { step, paths } = devnet
  const network = await openNetwork(devnet, opening)
  const client = createStoryClient(devnet)
  const { entries } = await network.ledger.readFacts({ signal: devnet.signal })
  const version = entries.find(({ name, status }) => name === 'greeter' && status === 'current')?.version ?? 0
  // Told again although the actor is approved: the page may not be there yet.
  if (version < 2) await publishFirst(network, client)
  await callAndVerify(network, client)
  if (version < 2) {
    network.workshop.actor('greeter-v2').catch(() => {})
    const cheat = network.boxes.at(-1)!
    await alteredImage(network, client, cheat)
    await patchedLauncher(network, client, cheat)
    await lyingRpc(network, client, cheat)
    await networkInBetween(network, client)
    await step('8', 'The last cheat is repaired: TPM reset, enrolment, attestation, Active', (say) =>
      backInService(network, cheat, say),
    )
    await upgrade(network, client)
  }
  if (!devnet.state.told) {
    await sideBySide(network, client)
    await proven(network, client)
    devnet.state.told = true
    devnet.saveState()
  }
  const { chain, boxes, deployment } = network
  const { keys } = devnet.state
  return step('10', 'The network is up', async (say) => {
    // From here on the command line may speak for the committee; the story itself no longer does.
    await network.committee[Symbol.asyncDispose]()
    const file = { rpcUrls: [chain.url], deployment, keys: { developer: keys.developer, committee: keys.committee } }
    writeFileSync(paths.network, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 })
    say(`${boxes.length} nodes, all Active`)
    return {
      addresses: { chain: chain.url, ...Object.fromEntries(boxes.map(({ name, proxy }) => [name, proxy.url])) },
      commands: [
        'npm run -s teapot -- actor call greeter greet world --save greeting.proof',
        'npm run -s teapot -- proof verify greeting.proof --explain',
        'npm run -s teapot -- node attest 0x --explain'.replace('0x', boxes[0]!.id.slice(0, 10)),
      ],
    }
  })
}
