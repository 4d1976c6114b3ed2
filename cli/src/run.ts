import { parseArgs } from 'node:util'
import { TeapotError } from '@teapot-network/trust'
import { type Command, exitCode, type Io, type Lines, parseOptions, renderHelp } from './command.ts'
import { commands } from './commands/index.ts'
import { hanging, printable, toJson } from './terminal.ts'

/** Runs one command line (without `node` and the script) and gives its exit code; never throws. */
export async function run(argv: readonly string[], given: Io): Promise<number> {
  const [out, err] = [given.out, given.err].map((print) => {
    return (...lines: Lines[]) => print(lines.flat().map(printable))
  }) as [Io['out'], Io['err']]
  const io = { ...given, out, err }
  const name = Object.keys(commands).find((words) => words.split(' ').every((word, i) => argv[i] === word))
  if (name === undefined) return unknown(argv, io)
  const { command } = await commands[name]![1]()
  let parsed: ReturnType<typeof parseArgs>
  try {
    const args = argv.slice(name.split(' ').length)
    parsed = parseArgs({ args, options: parseOptions(command), allowPositionals: true, strict: true })
  } catch (failure) {
    return misused(command, (failure as Error).message, argv, io)
  }
  const { positionals } = parsed
  const values = parsed.values as Record<string, string | boolean | undefined>
  if (values['help'] === true) {
    io.out(renderHelp(command))
    return exitCode.held
  }
  const [least, most] = command.positionals
  if (positionals.length < least || positionals.length > most) {
    const expected = most === least ? most : `${least} to ${most}`
    return misused(command, `Cannot read the arguments: expected ${expected}, found ${positionals.length}`, argv, io)
  }
  try {
    return await command.run({ positionals, values }, io)
  } catch (failure) {
    if (io.signal.aborted) return exitCode.unavailable
    return failed(failure, values['json'] === true, io)
  }
}

/** All commands, or those of one noun. */
function unknown(argv: readonly string[], io: Io): number {
  const words = argv.filter((word) => !['--help', '-h', 'help', '--json'].includes(word))
  const all = Object.entries(commands)
  const ofNoun = all.filter(([name]) => name.startsWith(`${words[0]} `))
  const asked = words.length === 0 || (words.length === 1 && ofNoun.length > 0 && argv.length > 1)
  const message = `Cannot find a command: expected one of those listed, found '${words.slice(0, 2).join(' ')}'`
  if (!asked && argv.includes('--json')) return failed(new TeapotError('cli/usage', message), true, io)
  const print = asked ? io.out : io.err
  if (!asked) print(message, '')
  print('teapot: run code on machines nobody has to trust, and check every answer', '')
  for (const [name, [summary]] of ofNoun.length > 0 ? ofNoun : all) print(`  teapot ${name.padEnd(14)} ${summary}`)
  print('', 'teapot <command> --help shows its options')
  return asked ? exitCode.held : exitCode.usage
}

function misused(command: Command, message: string, argv: readonly string[], io: Io): number {
  if (argv.includes('--json')) return failed(new TeapotError('cli/usage', message), true, io)
  io.err(message, '', renderHelp(command))
  return exitCode.usage
}

function failed(failure: unknown, json: boolean, io: Io): number {
  const { code, message, kind } = isOurs(failure)
    ? failure
    : new TeapotError('cli/fault', (failure as Error).message ?? String(failure), { kind: 'fault', cause: failure })
  if (json) io.out(toJson({ error: { code, message } }))
  else io.err(hanging(`teapot: ${message} (${code})`))
  if (code === 'cli/usage') return exitCode.usage
  return kind === 'refused' ? exitCode.refused : exitCode.unavailable
}

/** Rooms that may not import `trust` have errors of the same shape. */
function isOurs(failure: unknown): failure is Pick<TeapotError, 'code' | 'message' | 'kind'> {
  if (failure instanceof TeapotError) return true
  const { code, kind } = (failure ?? {}) as { code?: unknown; kind?: unknown }
  return failure instanceof Error && typeof kind === 'string' && typeof code === 'string' && code.includes('/')
}
