import { EntryKind } from '@teapot-network/trust'
import { type Command, jsonOption, networkOption } from '../../command.ts'
import { publishFile, publishOptions } from '../../publishing.ts'

/** `teapot page publish` */
export const command: Command = {
  usage: 'page publish FILE --name NAME',
  summary: 'Puts a web page (one file) on the ledger by CID and its bytes onto a node, and prints where to look at it.',
  options: { ...publishOptions, ...networkOption, ...jsonOption },
  positionals: [1, 1],
  run: (args, io) => publishFile(EntryKind.page, [], args, io),
}
