import { utf8 } from '@teapot-network/trust'
import type { Lines } from './command.ts'
import { run } from './run.ts'

/** Runs a command line in a folder, with "from stdin" as its input: the exit code, and what was printed, apart and in order. */
export async function teapotIn(cwd: string, argv: readonly string[]) {
  const [out, err, said]: string[][] = [[], [], []]
  const to = (lines: string[]) => {
    return (...more: Lines[]) => {
      for (const line of more.flat()) for (const all of [lines, said!]) all.push(line)
    }
  }
  const { signal } = new AbortController()
  const code = await run(argv, { out: to(out!), err: to(err!), stdin: async () => utf8('from stdin'), cwd, signal })
  return { code, out: out!.join('\n'), err: err!.join('\n'), said: said!.join('\n') }
}
