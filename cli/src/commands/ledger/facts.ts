import { parseBundle } from '@teapot-network/trust'
import { type Arguments, type Command, exitCode, type Io, jsonOption, networkOption } from '../../command.ts'
import { readAs, replaceFile, requireWritable } from '../../input.ts'
import { connectNetwork } from '../../network.ts'
import { toJson } from '../../terminal.ts'

/** `teapot ledger facts` */
export const command: Command = {
  usage: 'ledger facts [PROOF…] [--out FILE]',
  summary:
    'Writes what the ledger says now, as JSON: what "proof verify --ledger" and the page take where there is no network. With proofs, also the epochs that they name, without which an anchor is not compared.',
  options: { out: { type: 'string', help: 'write to this file (default: print)' }, ...networkOption, ...jsonOption },
  positionals: [0, Number.POSITIVE_INFINITY],
  async run({ positionals, values }: Arguments, io: Io) {
    const out = values['out'] as string | undefined
    await requireWritable(out, io)
    const isProof = (bytes: Uint8Array) => parseBundle(bytes) && bytes
    const proofs = await Promise.all(positionals.map((file) => readAs(file, 'a proof', isProof, io)))
    const { client } = connectNetwork({ positionals, values }, io)
    const facts = await client.facts(io.signal)
    const named = await Promise.all(proofs.map((proof) => client.epochsOf(proof, io.signal)))
    const epochs = [...new Map(named.flat().map((epoch) => [epoch.number, epoch])).values()]
    const text = toJson({ facts, epochs })
    if (out !== undefined) await replaceFile(out, Buffer.from(`${text}\n`), io)
    const { block, entries, nodes } = facts
    const told = epochs.map(({ number }) => number).join(', ') || 'none, as no proof was named'
    if (out === undefined) io.out(text)
    else if (values['json'] === true) io.out(toJson({ file: out, block, epochs: epochs.length }))
    else io.out(`${out}: block ${block.number}, ${entries.length} entries, ${nodes.length} nodes; epochs: ${told}`)
    return exitCode.held
  },
}
