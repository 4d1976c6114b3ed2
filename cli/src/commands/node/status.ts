import { getBytes, registeredNode } from '@teapot-network/sdk'
import { TeapotError } from '@teapot-network/trust'
import { bootText } from '@teapot-network/trust/verdict'
import { type Arguments, type Command, exitCode, type Io, jsonOption, networkOption } from '../../command.ts'
import { connectNetwork } from '../../network.ts'
import { toJson } from '../../terminal.ts'
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
export const command: Command = {
  usage: 'node status [NODE]',
  summary:
    'What a node says of itself; nothing of it is proven (teapot node attest is). NODE is a node id or the beginning of one; default the nearest.',
  options: { ...networkOption, ...jsonOption },
  positionals: [0, 1],
  async run(args: Arguments, io: Io) {
    const { client } = connectNetwork(args, io)
    const [start = (await client.nearest(io.signal))[0]?.node.id ?? '0x'] = args.positionals
    const facts = await client.facts(io.signal)
    const { id, status } = findNode(facts.nodes, start)
    const said = await ask(`${registeredNode(facts, id).url}/v1/status`, io.signal)
    if (args.values['json'] === true) io.out(toJson({ ...said, id, ledger: status }))
    else io.out(lines(id, status, said))
    return exitCode.held
  },
}

async function ask(url: string, signal: AbortSignal): Promise<NodeStatus> {
  const bytes = await getBytes(url, { fetch, timeoutMs: TIMEOUT_MS, limitBytes: LIMIT_BYTES, signal })
  try {
    const said = JSON.parse(new TextDecoder().decode(bytes)) as NodeStatus
    lines('', '', said)
    return said
  } catch (cause) {
    throw new TeapotError(
      'sdk/bad-answer',
      `Cannot read ${url}: expected a node's status, found: ${(cause as Error).message}`,
      { cause },
    )
  }
}

function lines(id: string, ledger: string, said: NodeStatus): string[] {
  const { name, boot, epoch, isolation, isolationReasons = [], loaded, receipts, peers } = said
  return [
    `${name}  ${id}`,
    `ledger     ${ledger}, epoch ${epoch}, boot ${bootText(boot)}, ${peers} peers`,
    `isolation  ${isolation}`,
    ...isolationReasons.map((reason) => `           no more: ${reason}`),
    `receipts   ${receipts.size} in log ${receipts.log}`,
    `loaded     ${loaded.map(({ name, version }) => `${name} v${version}`).join(', ')}`,
  ]
}
