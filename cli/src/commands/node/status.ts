import { httpContact } from '@teapot-network/sdk'
import { bootText, TeapotError } from '@teapot-network/trust'
import { type Arguments, type Command, exitCode, type Io, jsonOption, networkOption } from '../../command.ts'
import { printable } from '../../input.ts'
import { connectNetwork } from '../../network.ts'
import { findNode } from './find.ts'

/** What a node says of itself, as far as this command shows it. */
interface NodeStatus {
  name: string
  standing: string
  boot: number
  epoch: number
  isolation: string
  isolationReasons: string[]
  loaded: { kind: number; name: string; version: number }[]
  receipts: { log: number; size: number }
  peers: number
}

const TIMEOUT_MS = 10_000
const LIMIT_BYTES = 1 << 20

/** `teapot node status` */
export const status: Command = {
  usage: 'node status [NODE]',
  summary:
    'What a node says of itself; nothing of it is proven (teapot node attest is). NODE is a node id or the beginning of one; default the nearest.',
  options: { ...networkOption, ...jsonOption },
  positionals: [0, 1],
  async run(args: Arguments, io: Io) {
    const { client } = connectNetwork(args, io)
    const [start = (await client.nearest(io.signal))[0]?.node.id ?? '0x'] = args.positionals
    const { id, contact, status } = findNode((await client.facts(io.signal)).nodes, start)
    const url = httpContact(contact)
    if (url === undefined)
      throw new TeapotError('sdk/unknown-node', `Cannot reach ${id}: its contact names no HTTP address`)
    const said = await ask(`${url}/v1/status`, io.signal)
    if (args.values['json'] === true) io.out(JSON.stringify({ id, ledger: status, ...said }))
    else print(id, status, said, io)
    return exitCode.held
  },
}

async function ask(url: string, signal: AbortSignal): Promise<NodeStatus> {
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) })
    const text = await response.text()
    if (!response.ok || text.length > LIMIT_BYTES)
      throw new Error(`status ${response.status}, ${text.length} characters`)
    return JSON.parse(text)
  } catch (cause) {
    throw new TeapotError('sdk/node-unreachable', `Cannot read ${url}: ${(cause as Error).message}`, {
      kind: 'unavailable',
      cause,
    })
  }
}

function print(id: string, ledger: string, said: NodeStatus, io: Io): void {
  const { name, boot, epoch, isolation, isolationReasons, loaded, receipts, peers } = said
  io.out(`${printable(String(name))}  ${id}`)
  io.out(`ledger     ${ledger}, epoch ${epoch}, boot ${bootText(boot)}, ${peers} peers`)
  io.out(`isolation  ${printable(String(isolation))}`)
  for (const reason of isolationReasons ?? []) io.out(`           no more: ${printable(reason)}`)
  io.out(`receipts   ${receipts.size} in log ${receipts.log}`)
  io.out(`loaded     ${loaded.map(({ name, version }) => printable(`${name} v${version}`)).join(', ')}`)
}
