import { httpContact } from '@teapot-network/sdk'
import { EntryKind, kindName, type LedgerFacts } from '@teapot-network/trust'
import { type Arguments, type Command, exitCode, type Io, jsonOption, networkOption } from '../command.ts'
import { connectNetwork } from '../network.ts'
import { toJson } from '../terminal.ts'

/** `teapot status` */
export const command: Command = {
  usage: 'status',
  summary: 'What the ledger says, and which of its Active nodes answer from here.',
  options: { ...networkOption, ...jsonOption },
  positionals: [0, 0],
  async run(args: Arguments, io: Io) {
    const { client } = connectNetwork(args, io)
    const facts = await client.facts(io.signal)
    const roundTrips = new Map((await client.nearest(io.signal)).map(({ node, roundTripMs }) => [node.id, roundTripMs]))
    const nodes = facts.nodes.map(({ id, status, contact }) => ({
      id,
      status,
      contact,
      roundTripMs: roundTrips.get(id) ?? null,
    }))
    if (args.values['json'] === true) {
      const { chainId, registry, block, epoch, entries } = facts
      io.out(toJson({ chainId, registry, block, epoch, nodes, entries }))
    } else print(facts, nodes, io)
    return exitCode.held
  },
}

type ShownNode = { id: string; status: string; contact: string; roundTripMs: number | null }

function print({ chainId, block, epoch, entries }: LedgerFacts, nodes: ShownNode[], io: Io): void {
  io.out(`chain ${chainId}, block ${block.number}, epoch ${epoch.number}`)
  io.out('', `nodes (${nodes.filter(({ status }) => status === 'active').length} of ${nodes.length} active)`)
  for (const { id, status, contact, roundTripMs } of nodes) {
    const far = roundTripMs === null ? '' : `  ${roundTripMs.toFixed(1)} ms`
    io.out(`  ${id.slice(0, 18)}…  ${status.padEnd(12)} ${httpContact(contact) ?? '(no HTTP contact)'}${far}`)
  }
  io.out('', 'code')
  for (const { kind, name, version, status, cid } of entries) {
    if (kind !== EntryKind.page && status !== 'current' && status !== 'grace') continue
    io.out(`  ${kindName(kind).padEnd(9)} ${name} v${version}  ${status.padEnd(10)} ${cid}`)
  }
}
