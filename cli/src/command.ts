import type { ParseArgsOptionsConfig } from 'node:util'
import { wrap } from './terminal.ts'

/** A line, or several. */
export type Lines = string | readonly string[]

/** What the process was given and where it writes: whole lines, each made harmless on its way (`printable`). */
export interface Io {
  out(...lines: Lines[]): void
  err(...lines: Lines[]): void
  stdin(): Promise<Uint8Array>
  cwd: string
  signal: AbortSignal
}

/** A command's own arguments, parsed. `json` is there for every command. */
export interface Arguments {
  positionals: string[]
  values: Record<string, string | boolean | undefined>
}

/** One verb. It returns an exit code, or throws: a refusal exits 1, wrong usage 2, whatever is unavailable or broken 3. */
export interface Command {
  /** After `teapot`, e.g. `actor call NAME OPERATION [PAYLOAD|-]`. */
  usage: string
  summary: string
  /** Options and what they are for, in the order of the help. `value` says what one takes that takes no file. */
  options: Record<string, { type: 'string' | 'boolean'; help: string; value?: string; default?: string }>
  /** How many positionals: at least, at most. */
  positionals: readonly [number, number]
  run(args: Arguments, io: Io): Promise<number>
}

/** Exit codes of `teapot`. */
export const exitCode = { held: 0, refused: 1, usage: 2, unavailable: 3 } as const

/** The options as node:util takes them. */
export function parseOptions(command: Command): ParseArgsOptionsConfig {
  const options: ParseArgsOptionsConfig = { help: { type: 'boolean', short: 'h' } }
  for (const [name, { type, default: fallback }] of Object.entries(command.options)) {
    options[name] = fallback === undefined ? { type } : { type, default: fallback }
  }
  return options
}

const HELP_COLUMNS = 96

/** A command's help page, line by line. */
export function renderHelp(command: Command): string[] {
  const lines = [`teapot ${command.usage}`, '', ...wrap(command.summary, HELP_COLUMNS), '']
  for (const [name, { type, help, value = 'FILE' }] of Object.entries(command.options)) {
    const [first, ...more] = wrap(help, HELP_COLUMNS - 22)
    lines.push(`  --${(type === 'string' ? `${name} ${value}` : name).padEnd(17)} ${first}`)
    lines.push(...more.map((line) => `${' '.repeat(22)}${line}`))
  }
  lines.push('', 'Exit: 0 held, 1 refused, 2 usage, 3 unavailable')
  return lines
}

/** The option that every command has that talks to a network. */
export const networkOption = {
  network: { type: 'string', help: 'network file (default: the nearest .teapot/network.json upwards)' },
} as const

/** The option that every command has. */
export const jsonOption = { json: { type: 'boolean', help: 'print JSON instead of text' } } as const
