import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { NodeId } from '@teapot-network/trust'
import { type Arguments, type Command, exitCode, type Io, jsonOption, networkOption } from '../../command.ts'
import { readPayload, showBytes } from '../../input.ts'
import { connectNetwork } from '../../network.ts'

/** `teapot actor call` */
export const call: Command = {
  usage: 'actor call NAME OPERATION [PAYLOAD|-]',
  summary:
    'Calls an actor on the nearest node whose evidence holds, and checks the proof of the result. "-" reads standard input.',
  options: {
    save: { type: 'string', help: 'write the proof to this file' },
    trace: { type: 'string', help: 'have the call recorded, and write the trace to this file' },
    node: { type: 'string', help: 'insist on this node (id)' },
    ...networkOption,
    ...jsonOption,
  },
  positionals: [2, 3],
  async run(args: Arguments, io: Io) {
    const [actor, operation, text] = args.positionals
    const payload = await readPayload(text, io)
    const { client } = connectNetwork(args, io)
    const node = args.values['node'] as NodeId | undefined
    const trace = args.values['trace'] as string | undefined
    const result = await client.call({
      actor: actor!,
      operation: operation!,
      payload,
      signal: io.signal,
      ...(node === undefined ? {} : { node }),
      trace: trace !== undefined,
    })
    if (trace !== undefined && result.trace) await writeFile(resolve(io.cwd, trace), result.trace)
    const save = args.values['save'] as string | undefined
    if (save !== undefined) await writeFile(resolve(io.cwd, save), result.proof!)
    if (args.values['json'] === true) {
      const { outcome, node, verdict, receiptId, skipped } = result
      io.out(
        JSON.stringify({
          outcome,
          payload: Buffer.from(result.payload).toString('base64'),
          node,
          tier: verdict.tier,
          assurance: verdict.assurance,
          receiptId,
          proof: save ?? null,
          trace: trace ?? null,
          skipped: skipped.map(({ node, failure }) => ({ node, code: failure.code, message: failure.message })),
        }),
      )
    } else {
      for (const { node, failure } of result.skipped) io.err(`skipped ${node}: ${failure.message}`)
      if (result.outcome === 'ok') io.out(showBytes(result.payload))
      else io.err(`teapot: ${showBytes(result.payload)} (${result.outcome})`)
      const { integrity, confidentiality } = result.verdict.assurance
      io.err(`proven by node ${result.node}, integrity ${integrity}, confidentiality ${confidentiality}`)
      if (save !== undefined) io.err(`proof in ${save}; check it anywhere: teapot proof verify ${save} --explain`)
    }
    return result.outcome === 'ok' ? exitCode.held : exitCode.refused
  },
}
