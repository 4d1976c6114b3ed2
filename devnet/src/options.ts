import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { TeapotError } from '@teapot-network/trust'

/** What `npm start` was asked for. */
export interface DevnetOptions {
  nodes: number
  once: boolean
  json: boolean
  fresh: boolean
  folder: string
  help: boolean
}

export const USAGE = `npm start [-- options]

A whole teapot network on this machine: a chain, machines with software TPMs, nodes, a developer, a client, and cheats that
are caught. It stays up until Ctrl-C; the next start resumes it.

  --nodes <n>      how many machines, 4 to 32 (default 5); a network that is resumed keeps its own number
  --once           play the story and exit: 0 when every step held, else 1
  --json           print one event a line
  --fresh          forget the network of last time
  --folder <path>  where to keep it (default .teapot)
  --help           this text
`

/**
 * Reads the command line.
 *
 * @throws TeapotError `devnet/bad-option`
 */
export function parseOptions(argv: string[], workingFolder = process.cwd()): DevnetOptions {
  let values: ReturnType<typeof parse>
  try {
    values = parse(argv)
  } catch (error) {
    throw badOption((error as Error).message)
  }
  const nodes = Number(values.nodes)
  // Two thirds of all others must vote: with fewer than four, no node could be voted out.
  if (!Number.isInteger(nodes) || nodes < 4 || nodes > 32)
    throw badOption(`Expected --nodes 4 to 32, found ${values.nodes}.`)
  return { ...values, nodes, folder: resolve(workingFolder, values.folder) }
}

function parse(args: string[]) {
  return parseArgs({
    args,
    options: {
      nodes: { type: 'string', default: '5' },
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      folder: { type: 'string', default: '.teapot' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values
}

function badOption(reason: string): TeapotError {
  return new TeapotError('devnet/bad-option', `${reason}\nSee \`npm start -- --help\`.`)
}
