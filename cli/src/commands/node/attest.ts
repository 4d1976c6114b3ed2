import { renderVerdict } from '@teapot-network/trust'
import { type Arguments, type Command, exitCode, type Io, jsonOption, networkOption } from '../../command.ts'
import { connectNetwork } from '../../network.ts'
import { findNode } from './find.ts'

/** `teapot node attest` */
export const attest: Command = {
  usage: 'node attest NODE',
  summary: "Fetches a node's evidence and appraises it here. NODE is a node id or the beginning of one.",
  options: { explain: { type: 'boolean', help: 'print every reason' }, ...networkOption, ...jsonOption },
  positionals: [1, 1],
  async run(args: Arguments, io: Io) {
    const { client } = connectNetwork(args, io)
    const { id: node } = findNode((await client.facts(io.signal)).nodes, args.positionals[0]!)
    const { verdict, digest, evidence } = await client.attest(node, io.signal)
    if (args.values['json'] === true) {
      io.out(JSON.stringify({ node, evidence: digest, type: evidence.type, epoch: evidence.epoch, verdict }))
    } else if (args.values['explain'] === true) io.out(renderVerdict(verdict))
    else io.out(`${verdict.tier}: ${verdict.summary}`)
    return verdict.tier === 'affirming' ? exitCode.held : exitCode.refused
  },
}
