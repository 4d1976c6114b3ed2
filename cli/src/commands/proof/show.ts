import { describeProof } from '@teapot-network/trust/view'
import { type Arguments, type Command, exitCode, type Io, jsonOption } from '../../command.ts'
import { readAs } from '../../input.ts'
import { toJson } from '../../terminal.ts'

/** `teapot proof show` */
export const command: Command = {
  usage: 'proof show FILE',
  summary:
    'Shows all that a saved proof holds, as JSON: claims by name, digests in hex, logs as entries. It checks nothing.',
  options: jsonOption,
  positionals: [1, 1],
  async run(args: Arguments, io: Io) {
    const view = await readAs(args.positionals[0]!, 'a proof', describeProof, io)
    io.out(toJson(view, args.values['json'] === true ? undefined : 2).split('\n'))
    return exitCode.held
  },
}
