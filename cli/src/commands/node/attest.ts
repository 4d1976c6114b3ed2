import { ear } from '@teapot-network/trust/ear'
import { renderVerdict } from '@teapot-network/trust/verdict'
import { type Arguments, type Command, exitCode, type Io, jsonOption, networkOption } from '../../command.ts'
import { connectNetwork } from '../../network.ts'
import { foldTree, printableIn, toJson } from '../../terminal.ts'
import { findNode } from './find.ts'

/** `teapot node attest` */
export const command: Command = {
  usage: 'node attest NODE',
  summary: "Fetches a node's evidence and appraises it here. NODE is a node id or the beginning of one.",
  options: {
    explain: { type: 'boolean', help: 'print every reason' },
    ear: { type: 'boolean', help: 'print an EAT Attestation Result (JSON claims, unsigned)' },
    ...networkOption,
    ...jsonOption,
  },
  positionals: [1, 1],
  async run(args: Arguments, io: Io) {
    const { client } = connectNetwork(args, io)
    const { id } = findNode((await client.facts(io.signal)).nodes, args.positionals[0]!)
    const { node: dialled, verdict, digest, evidence } = await client.attest(id, io.signal)
    const [{ id: node, url }, { type, epoch }] = [dialled, evidence]
    if (args.values['ear'] === true) {
      const issuedAt = Math.floor(Date.now() / 1000)
      io.out(toJson(ear(verdict, { node, type, evidence: digest, issuedAt, build: 'teapot' })))
    } else if (args.values['json'] === true) {
      io.out(toJson({ node, evidence: digest, type, epoch, verdict }))
    } else {
      const tree = renderVerdict(printableIn(verdict))
      if (args.values['explain'] === true) {
        io.out(foldTree(tree), `node ${node} at ${url}`, `${type} evidence ${digest} of epoch ${epoch}`)
      }
      // What to do, where anything is, and what was found.
      else io.out(tree.split('\n').slice(0, verdict.fix === undefined ? 1 : 2))
    }
    return verdict.tier === 'affirming' ? exitCode.held : exitCode.refused
  },
}
