import { describeProof } from '@teapot-network/trust/view'
import { type Arguments, type Command, exitCode, type Io, jsonOption } from '../../command.ts'
import { readAs } from '../../input.ts'

/** `teapot proof show` */
export const show: Command = {
  usage: 'proof show FILE',
  summary:
    'Shows all that a saved proof holds, as JSON: claims by name, digests in hex, logs as entries. It checks nothing.',
  options: jsonOption,
  positionals: [1, 1],
  async run(args: Arguments, io: Io) {
    const view = await readAs(args.positionals[0]!, 'a proof', describeProof, io)
    io.out(JSON.stringify(view, null, args.values['json'] === true ? undefined : 2))
    return exitCode.held
  },
}
