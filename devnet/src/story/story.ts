import type { Devnet, NetworkUp } from '../devnet.ts'
import { openNetwork } from './opening.ts'

/** The story of README.md, told by a real network. */
export async function tellStory(devnet: Devnet): Promise<NetworkUp> {
  const network = await openNetwork(devnet)
  const addresses = { chain: network.chain.url, ...Object.fromEntries(network.boxes.map(({ name, proxy }) => [name, proxy.url])) }
  return { addresses, commands: [] }
}
