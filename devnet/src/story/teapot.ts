import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** What a run of the command line came to. */
export interface TeapotRun {
  exitCode: number
  stdout: string
  stderr: string
}

const MAIN = fileURLToPath(new URL('../../../cli/src/main.ts', import.meta.url))

/** Runs `teapot …` as a process of its own, as its user would. `wrapper` goes before it: `unshare …`. */
export function teapot(
  args: readonly string[],
  { signal, wrapper = [], cwd }: { signal: AbortSignal; wrapper?: readonly string[]; cwd?: string },
): Promise<TeapotRun> {
  const [command = process.execPath, ...rest] = [...wrapper, process.execPath, MAIN, ...args]
  return new Promise((resolve, reject) => {
    const options = { signal, maxBuffer: 16 << 20, ...(cwd && { cwd }) }
    execFile(command, rest, options, (error, stdout, stderr) => {
      if (signal.aborted) reject(signal.reason)
      else if (error && typeof error.code !== 'number') reject(error)
      else resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
  })
}
