import { type HostInterface, WASI_0_2 } from '../host-interface.ts'
import { InputStream, OutputStream, readFrom } from './streams.ts'

/** Terminals: there are none. The classes are there to be imported. */
class TerminalInput {}
class TerminalOutput {}

const noTerminal = (getter: string): HostInterface => ({
  versions: WASI_0_2,
  create: (world) => ({
    // get-terminal-stdin: func() -> option<terminal-input>, and the same of stdout and stderr
    [getter]: (): undefined => world.charge() as undefined,
  }),
})

/** `wasi:cli` 0.2. The response of a command is its stdout; stderr goes to the console. */
export const CLI_INTERFACES: Readonly<Record<string, HostInterface>> = {
  'wasi:cli/environment': {
    versions: WASI_0_2,
    create: (world) => ({
      // get-environment: func() -> list<tuple<string, string>>
      getEnvironment(): [string, string][] {
        const variables = Object.entries(world.surroundings.environment)
        world.charge(variables.reduce((size, [name, value]) => size + name.length + value.length, 0))
        return variables
      },
      // get-arguments: func() -> list<string>
      getArguments(): string[] {
        world.charge(world.args.reduce((size, arg) => size + arg.length, 0))
        return [...world.args]
      },
      // initial-cwd: func() -> option<string>
      initialCwd(): undefined {
        world.charge()
      },
    }),
  },
  'wasi:cli/exit': {
    versions: WASI_0_2,
    create: (world) => ({
      // exit: func(status: result)
      exit: (status: { tag: 'ok' | 'err' }) => world.exit(status.tag === 'ok' ? 0 : 1),
      // exit-with-code: func(status-code: u8)
      exitWithCode: (code: number) => world.exit(code),
    }),
  },
  'wasi:cli/stdin': {
    versions: WASI_0_2,
    create(world) {
      const read = readFrom(() => world.stdin)
      return {
        // get-stdin: func() -> input-stream
        getStdin(): InputStream {
          world.charge()
          return new InputStream(world, read)
        },
      }
    },
  },
  'wasi:cli/stdout': {
    versions: WASI_0_2,
    create: (world) => ({
      // get-stdout: func() -> output-stream
      getStdout(): OutputStream {
        world.charge()
        return new OutputStream(world, (bytes) => world.stdout(bytes))
      },
    }),
  },
  'wasi:cli/stderr': {
    versions: WASI_0_2,
    create: (world) => ({
      // get-stderr: func() -> output-stream
      getStderr(): OutputStream {
        world.charge()
        return new OutputStream(world, world.stderr)
      },
    }),
  },
  'wasi:cli/terminal-input': { versions: WASI_0_2, create: () => ({ TerminalInput }) },
  'wasi:cli/terminal-output': { versions: WASI_0_2, create: () => ({ TerminalOutput }) },
  'wasi:cli/terminal-stdin': noTerminal('getTerminalStdin'),
  'wasi:cli/terminal-stdout': noTerminal('getTerminalStdout'),
  'wasi:cli/terminal-stderr': noTerminal('getTerminalStderr'),
}
