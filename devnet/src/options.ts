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
  /** So many epochs of siege instead of the story. */
  siege?: number
}

export const USAGE = `npm start [-- options], npm run siege [-- options]

A whole teapot network on this machine: a chain, machines with software TPMs, nodes, a developer, a client, and cheats that
are caught. It stays up until Ctrl-C; the next start resumes it.

  --nodes <n>      how many machines, 4 to 32 (default 5); a network that is resumed keeps its own number
  --once           play the story and exit: 0 when every step held, else 1
  --json           print one event a line
  --fresh          forget the network of last time
  --folder <path>  where to keep it (default .teapot)
  --help           this text

A siege is a network of its own that is forgotten afterwards (default 7 nodes, in .teapot-siege): cheats of every kind join it, and two of its
Verifiers lie. It exits 0 when each was shut out within two epochs and no honest node was ever doubted.

  --epochs <n>     how long it lasts at least (default 20)
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
  const { once, fresh, json, help, folder, siege } = values
  // Two thirds of all others must vote: with fewer than four, no node could be voted out, and with fewer than seven two liars could not be outvoted.
  const fewest = siege ? 7 : 4
  if (!Number.isInteger(nodes) || nodes < fewest || nodes > 32)
    throw badOption(`Expected --nodes ${fewest} to 32, found ${values.nodes}.`)
  const at = (fallback: string) => resolve(workingFolder, folder ?? fallback)
  if (!siege) return { nodes, once, json, fresh, help, folder: at('.teapot') }
  const epochs = Number(values.epochs)
  if (!Number.isInteger(epochs) || epochs < 1) throw badOption(`Expected --epochs 1 or more, found ${values.epochs}.`)
  return { nodes, once: true, json, fresh: true, help, folder: at('.teapot-siege'), siege: epochs }
}

function parse([command, ...rest]: string[]) {
  const siege = command === 'siege'
  const { values } = parseArgs({
    args: siege || command === undefined ? rest : [command, ...rest],
    options: {
      nodes: { type: 'string', default: siege ? '7' : '5' },
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      folder: { type: 'string' },
      ...(siege && { epochs: { type: 'string', default: '20' } as const }),
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  return { siege, epochs: undefined, ...values }
}

function badOption(reason: string): TeapotError {
  return new TeapotError('devnet/bad-option', `${reason}\nSee \`npm start -- --help\`.`)
}
