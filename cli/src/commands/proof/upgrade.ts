import { parseBundle } from '@teapot-network/trust'
import { type Arguments, type Command, exitCode, type Io, jsonOption, networkOption } from '../../command.ts'
import { readAs, replaceFile, requireWritable } from '../../input.ts'
import { connectNetwork } from '../../network.ts'
import { hanging, toJson } from '../../terminal.ts'
import { renderStanding } from './standing.ts'

/** `teapot proof upgrade` */
export const command: Command = {
  usage: 'proof upgrade FILE',
  summary:
    'Adds what confirms and anchors a proof, as far as it can be had by now: later evidence of the same boot, an epoch on the ledger. Exit 3: come again.',
  options: {
    out: { type: 'string', help: 'write there instead of over FILE' },
    mirror: { type: 'string', value: 'URL', help: "URL of a mirror of the node's log, for when the node is gone" },
    ...networkOption,
    ...jsonOption,
  },
  positionals: [1, 1],
  async run(args: Arguments, io: Io) {
    const file = args.positionals[0]!
    const { out = file, mirror } = args.values as Record<string, string | undefined>
    const given = await readAs(file, 'a proof', (bytes) => parseBundle(bytes) && bytes, io)
    await requireWritable(out, io)
    const { client } = connectNetwork(args, io)
    const { bytes, verdict, lacking } = await client.upgrade(given, { mirror, signal: io.signal })
    if (out !== file || Buffer.compare(given, bytes) !== 0) await replaceFile(out, bytes, io)
    if (args.values['json'] === true) {
      const why = lacking.map(({ code, message }) => ({ code, message }))
      io.out(toJson({ file: out, standing: verdict.standing, tier: verdict.tier, lacking: why }))
    } else {
      io.out(`${out}: ${renderStanding(verdict)}`)
      // Both standings, and each child, may lack the same.
      for (const why of new Set(lacking.map(({ code, message }) => `${message} (${code})`)))
        io.err(hanging(`teapot: ${why}`))
    }
    if (lacking.length === 0) return exitCode.held
    return lacking.some(({ kind }) => kind === 'refused') ? exitCode.refused : exitCode.unavailable
  },
}
