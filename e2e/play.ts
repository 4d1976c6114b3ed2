import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const DEVNET = fileURLToPath(new URL('../devnet/src/main.ts', import.meta.url))

/** One line of `npm start -- --json`. */
export interface StoryEvent {
  event: string
  at: number
  step?: string
  title?: string
  text?: string
  ms?: number
  message?: string
  resumed?: boolean
  data?: Record<string, unknown>
}

/** A devnet that ran to its end. */
export interface Played {
  exitCode: number | null
  events: StoryEvent[]
  elapsedMs: number
}

/**
 * Plays the story in `folder` as `npm start -- --once --json` does, and collects what it says.
 * @param isCut told of each event: whether the story is killed there
 */
export async function playStory(folder: string, isCut: (event: StoryEvent) => boolean = () => false): Promise<Played> {
  const began = performance.now()
  const child = spawn(process.execPath, [DEVNET, '--once', '--json', '--folder', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const events: StoryEvent[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    // Of what it may still have said when it was killed, the last line may be half a line.
    if (child.killed) return
    const event: StoryEvent = JSON.parse(line)
    events.push(event)
    if (isCut(event)) child.kill('SIGKILL')
  })
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { exitCode, events, elapsedMs: performance.now() - began }
}

/** What went wrong, for a test's message: the failed step, or the last thing said. */
export function ending({ events }: Played): string {
  const failed = events.find(({ event }) => event === 'failed')
  return failed ? `step ${failed.step} failed: ${failed.message}` : JSON.stringify(events.at(-1))
}
