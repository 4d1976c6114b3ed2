import { type Arguments, type Command, exitCode, type Io, jsonOption, networkOption } from '../../command.ts'
import { readPayload, replaceFile, requireWritable } from '../../input.ts'
import { connectNetwork } from '../../network.ts'
import { hanging, showBytes, toJson } from '../../terminal.ts'
import { findNode } from '../node/find.ts'

/** `teapot actor call` */
export const command: Command = {
  usage: 'actor call NAME OPERATION [PAYLOAD|-]',
  summary:
    'Calls an actor on the nearest node whose evidence holds, and checks the proof of the result. "-" reads standard input.',
  options: {
    save: { type: 'string', help: 'write the proof to this file' },
    trace: { type: 'string', help: 'have the call recorded, and write the trace to this file' },
    node: { type: 'string', value: 'NODE', help: 'insist on this node (its id, or how that begins)' },
    ...networkOption,
    ...jsonOption,
  },
  positionals: [2, 3],
  async run(args: Arguments, io: Io) {
    const [actor, operation, text] = args.positionals
    const { save, trace, node: start } = args.values as Record<string, string | undefined>
    for (const file of [save, trace]) await requireWritable(file, io)
    const payload = await readPayload(text, io)
    const { client } = connectNetwork(args, io)
    const node = start === undefined ? undefined : findNode((await client.facts(io.signal)).nodes, start).id
    const result = await client.call({
      actor: actor!,
      operation: operation!,
      payload,
      signal: io.signal,
      ...(node === undefined ? {} : { node }),
      trace: trace !== undefined,
    })
    const traced = trace !== undefined && result.trace ? trace : null
    if (traced !== null) await replaceFile(traced, result.trace!, io)
    if (save !== undefined) await replaceFile(save, result.proof!, io)
    if (args.values['json'] === true) {
      const { outcome, node, verdict, receiptId, skipped } = result
      io.out(
        toJson({
          outcome,
          payload: Buffer.from(result.payload).toString('base64'),
          node,
          tier: verdict.tier,
          assurance: verdict.assurance,
          receiptId,
          proof: save ?? null,
          trace: traced,
          skipped: skipped.map(({ node, failure }) => ({ node, code: failure.code, message: failure.message })),
        }),
      )
    } else {
      for (const { node, failure } of result.skipped) io.err(hanging(`skipped ${node}: ${failure.message}`))
      if (result.outcome === 'ok') io.out(showBytes(result.payload).split('\n'))
      else io.err(hanging(`teapot: ${showBytes(result.payload)} (${result.outcome})`))
      const { integrity, confidentiality } = result.verdict.assurance
      io.err(`proven by node ${result.node}, integrity ${integrity}, confidentiality ${confidentiality}`)
      if (trace !== undefined && traced === null) io.err(`nothing was traced, so ${trace} is not written`)
      if (save !== undefined) io.err(`proof in ${save}; check it anywhere: teapot proof verify ${save} --explain`)
    }
    return result.outcome === 'ok' ? exitCode.held : exitCode.refused
  },
}
