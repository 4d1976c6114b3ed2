import { join } from 'node:path'
import { convict as fileOnLedger, readEquivocation } from '@teapot-network/sdk/node'
import { parseCheckpoint } from '@teapot-network/trust'
import { type Arguments, type Command, exitCode, type Io, jsonOption, networkOption } from '../../command.ts'
import { readInput } from '../../input.ts'
import { readNetwork, requireKey } from '../../network.ts'
import { toJson } from '../../terminal.ts'

/** `teapot node convict` */
export const command: Command = {
  usage: 'node convict FILE [--yes]',
  summary:
    'Brings to the ledger that a node signed two versions of its log, from the file that the command wrote which met them. The node is quarantined and loses its bond, a third of it to you. Without --yes it only looks, and sends nothing.',
  options: { yes: { type: 'boolean', help: 'send it, and pay the gas' }, ...networkOption, ...jsonOption },
  positionals: [1, 1],
  async run(args: Arguments, io: Io) {
    const found = await readEquivocation(await readInput(args.positionals[0]!, io))
    const { node, log, sequence } = parseCheckpoint(found.first.checkpoint)
    const { folder, rpcUrls, deployment, keys } = readNetwork(args, io)
    const sent = args.values['yes'] === true
    const queueFile = join(folder, 'developer-queue.sqlite')
    const options = { rpcUrls, deployment, developerKey: requireKey(keys.developer), queueFile, signal: io.signal }
    const gas = sent ? await fileOnLedger(found, options) : null
    if (args.values['json'] === true) io.out(toJson({ node, log, sequence, sent, gas }))
    else {
      io.out(
        `node ${node}`,
        `signed two checkpoints ${sequence} of its log ${log} that differ`,
        sent
          ? `convicted, for ${gas} gas`
          : 'nothing sent: up to three transactions, some 300,000 gas; --yes sends them',
      )
    }
    return exitCode.held
  },
}
