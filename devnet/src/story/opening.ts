import { bootText } from '@teapot-network/trust/verdict'
import type { Devnet } from '../devnet.ts'
import type { ManagedProcess } from '../processes/supervisor.ts'
import { createRpcProxy, type RpcProxy } from '../proxies/rpc-proxy.ts'
import { type Box, type NodeStatus, startBox } from './machines.ts'
import { type Network, openLedger, releaseFirst, untilStanding } from './network.ts'
import { until } from './wait.ts'
import type { Workshop } from './workshop.ts'

/** The network when its nodes are Active. */
export interface OpenNetwork extends Network {
  readonly workshop: Workshop
  /** The RPC endpoint of the last box is its owner's own, and can lie. */
  readonly ownRpc: RpcProxy
}

interface Publisher {
  process: ManagedProcess<{ url: string }>
  url: string
}

/** Steps 1 to 4: from nothing to a network of Active nodes. */
export async function openNetwork(devnet: Devnet, opening: Promise<Workshop>): Promise<OpenNetwork> {
  const { step, state } = devnet
  opening.catch(() => {})
  const network = await step('1', 'The ledger comes up', async (say) => {
    const opened = await openLedger(devnet)
    const { chainId, deployedBlock: _, ...contracts } = opened.deployment
    say(`chain ${chainId} at ${opened.chain.url}`, { url: opened.chain.url, chainId })
    for (const [name, address] of Object.entries(contracts)) say(`${name.padEnd(16)} ${address}`, { [name]: address })
    return opened
  })
  const { chain, boxes } = network
  const ownRpc = await createRpcProxy({ target: chain.url, port: state.machines.at(-1)!.ports.rpcProxy })
  state.machines.at(-1)!.ports.rpcProxy = ownRpc.port

  const { workshop, publisher, released } = await step(
    '2',
    'Each machine boots, measures itself, and asks to join',
    async (say) => {
      const workshop = await opening
      say(`runtime image ${workshop.image.files['daemon.mjs']?.slice(0, 18)}…, built from source`)
      const released = releaseFirst(network, workshop)
      released.catch(() => {})
      const publishing = startPublisher(devnet, workshop)
      const started = await Promise.all(
        state.machines.map(async (machine, index) => {
          const box = await startBox(devnet, {
            state: machine,
            program: workshop.machine,
            imageDir: workshop.imageDir,
            maker: workshop.maker,
            deployment: network.deployment,
            rpcUrl: index === state.machines.length - 1 ? ownRpc.url : chain.url,
            contentPeers: index === 0 ? [(await publishing).url] : [],
          })
          const { name, id, boot } = box
          say(
            `${name} ${id.slice(0, 18)}…  boot ${bootText(boot.boot)}, R ${boot.r?.slice(0, 18)}…, launched in ${boot.launchMs} ms`,
            { ...boot, id },
          )
          return box
        }),
      )
      boxes.push(...started)
      devnet.saveState()
      // The developer's compiler works while the nodes get to know one another.
      if (!state.told) workshop.actor('greeter').catch(() => {})
      return { workshop, publisher: await publishing, released }
    },
  )

  await step('3', 'Code comes by CID: one node asks the publisher, the others ask that node', async (say) => {
    await released
    const expected = workshop.releases.length
    const first = boxes[0]!
    const complete = async (box: Box): Promise<NodeStatus | undefined> => {
      const status = await box.status()
      return status.loaded.length >= expected ? status : undefined
    }
    const { loaded } = await until(`${first.name} to load`, () => complete(first), devnet)
    for (const { name, version, cid } of loaded)
      say(`${first.name} verified, measured and loaded ${name} v${version} (${cid.slice(0, 16)}…)`)
    await publisher.process.stop()
    say('the publisher has stopped')
    await Promise.all(boxes.map((box) => until(`${box.name} to load`, () => complete(box), devnet)))
    for (const box of boxes.slice(1)) {
      // From a gateway or, when they asked before the first had it, by bitswap.
      const { httpBytes, swarmBytes } = (await box.status()).content.fetched
      say(`${box.name} fetched ${httpBytes + swarmBytes} bytes from its peers`, { httpBytes, swarmBytes })
      if (!devnet.resumed && httpBytes + swarmBytes === 0)
        throw new Error(`Expected ${box.name} to fetch from its peers, found that it fetched nothing`)
    }
  })

  await step('4', 'Peers challenge one another until the ledger calls each Active', async (say) => {
    for (const box of boxes) {
      const facts = await untilStanding(network, box, ['active'])
      say(`${box.name} Active in epoch ${facts.epoch.number}`, { node: box.id, epoch: facts.epoch.number })
    }
    // One that resumes is Active from before; it has evidence of this run when it has loaded what it runs.
    const quoted = async (box: Box) => (await box.status()).evidence
    await Promise.all(boxes.map((box) => until(`${box.name} to have evidence`, () => quoted(box), devnet)))
  })
  return Object.assign(network, { workshop, ownRpc })
}

async function startPublisher({ paths, supervisor, signal }: Devnet, workshop: Workshop): Promise<Publisher> {
  const publisher = await supervisor.start({
    name: 'publisher',
    command: process.execPath,
    args: [workshop.publisher, paths.publisher, ...workshop.releases.map(({ file }) => file)],
    layer: 1,
    ready: (line) => JSON.parse(line) as { url: string },
    signal,
  })
  return { process: publisher, url: publisher.ready.url }
}
