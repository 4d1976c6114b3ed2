import { EntryKind } from '@teapot-network/trust'
import { type Command, jsonOption, networkOption } from '../../command.ts'
import { publishFile, publishOptions } from '../../publishing.ts'

/** `teapot actor publish` */
export const command: Command = {
  usage: 'actor publish FILE --name NAME',
  summary: 'Puts a WebAssembly actor on the ledger by CID and its bytes onto a node; no server is needed.',
  options: {
    ...publishOptions,
    grants: { type: 'string', value: 'LIST', help: 'capabilities that it asks for, e.g. wascc:keyvalue,wascc:logging' },
    ...networkOption,
    ...jsonOption,
  },
  positionals: [1, 1],
  run(args, io) {
    const grants = ((args.values['grants'] as string | undefined) ?? '').split(',').filter((grant) => grant !== '')
    return publishFile(EntryKind.actor, grants, args, io)
  },
}
