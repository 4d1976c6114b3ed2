import { renderVerdict } from '@teapot-network/trust'
import { ear } from '@teapot-network/trust/ear'
import { type Arguments, type Command, exitCode, type Io, jsonOption, networkOption } from '../../command.ts'
import { printable } from '../../input.ts'
import { connectNetwork } from '../../network.ts'
import { findNode } from './find.ts'

/** `teapot node attest` */
export const attest: Command = {
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
    const { id: node } = findNode((await client.facts(io.signal)).nodes, args.positionals[0]!)
    const { verdict, digest, evidence } = await client.attest(node, io.signal)
    const { type, epoch } = evidence
    if (args.values['ear'] === true) {
      const issuedAt = Math.floor(Date.now() / 1000)
      io.out(JSON.stringify(ear(verdict, { node, type, evidence: digest, issuedAt, build: 'teapot' })))
    } else if (args.values['json'] === true) {
      io.out(JSON.stringify({ node, evidence: digest, type, epoch, verdict }))
    } else {
      const lines = printable(renderVerdict(verdict)).split('\n')
      // What to do, where anything is, and what was found.
      for (const line of args.values['explain'] === true ? lines : lines.slice(0, verdict.fix === undefined ? 1 : 2)) {
        io.out(line)
      }
    }
    return verdict.tier === 'affirming' ? exitCode.held : exitCode.refused
  },
}
