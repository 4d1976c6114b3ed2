import { once } from 'node:events'
import type { Devnet, NetworkUp } from './devnet.ts'
import { type DevnetOptions, parseOptions, USAGE } from './options.ts'
import { createOutput, type Output, outputMode } from './output/output.ts'
import { clearPaths, openPaths } from './paths.ts'
import { stopLeftovers } from './processes/leftovers.ts'
import { takeLock } from './processes/lock.ts'
import { FOLDER_VARIABLE } from './processes/proc.ts'
import { Supervisor } from './processes/supervisor.ts'
import { newState, readState, writeState } from './state.ts'
import { createSteps, describe, type Steps } from './steps.ts'
import { stopSignal } from './stop-signal.ts'

/** The story that a devnet tells; what it returns is shown while the network stays up. `epochs`: of a siege. */
export type Story = (devnet: Devnet, epochs?: number) => Promise<NetworkUp | undefined>

/** Runs a devnet by its command line until it ends, and returns the exit code: 0 only when every step held. */
export async function runDevnet(argv: string[], tellStory: Story): Promise<number> {
  const signal = stopSignal()
  let options: DevnetOptions
  try {
    options = parseOptions(argv)
  } catch (error) {
    process.stderr.write(`${describe(error).message}\n`)
    return 2
  }
  if (options.help) {
    process.stdout.write(USAGE)
    return 0
  }
  using output = createOutput(process.stdout, outputMode(process.stdout, options.json))
  const steps = createSteps(output.emit)
  signal.addEventListener('abort', () =>
    output.emit({ event: 'say', text: `\n${describe(signal.reason).message}: stopping …` }),
  )
  let succeeded = false
  try {
    await play(options, tellStory, output, steps, signal)
    succeeded = true
  } catch (error) {
    // A step that failed has said so itself.
    if (!signal.aborted && steps.failed === 0) {
      const { code, message } = describe(error)
      output.emit({ event: 'failed', step: '0', title: 'start', ms: 0, code, message })
    }
  }
  const { held, failed } = steps
  const stopped = signal.aborted && !succeeded ? { stopped: describe(signal.reason).message } : {}
  output.emit({
    event: 'end',
    held,
    failed: failed || succeeded || signal.aborted ? failed : 1,
    ms: elapsedMs(),
    ...stopped,
  })
  if (succeeded && failed === 0) return 0
  return signal.aborted ? 130 : 1
}

/** Returns once the devnet has stopped: after the story with `--once`, else when it is asked to. */
async function play(
  options: DevnetOptions,
  tellStory: Story,
  output: Output,
  steps: Steps,
  signal: AbortSignal,
): Promise<void> {
  const paths = openPaths(options.folder)
  using _lock = takeLock(paths.lock)
  // Whatever is started from here on, by whichever part, can be told to be ours.
  process.env[FOLDER_VARIABLE] = paths.folder
  const leftovers = await stopLeftovers(paths.folder, paths.processes)
  if (options.fresh) clearPaths(paths)
  const saved = readState(paths.state)
  const state = saved ?? newState(options.nodes)

  await using supervisor = new Supervisor(paths)
  const say: Devnet['say'] = (text, data) => output.emit({ event: 'say', text, ...(data && { data }) })
  const nodes = state.machines.length
  output.emit({
    event: 'start',
    time: new Date().toISOString(),
    nodes,
    folder: paths.folder,
    resumed: saved !== undefined,
  })
  if (leftovers.length > 0)
    say(`stopped ${leftovers.length} processes that the last run left behind`, { pids: leftovers })

  const devnet: Devnet = {
    paths,
    supervisor,
    state,
    saveState: () => writeState(paths.state, state),
    resumed: saved !== undefined,
    step: steps.step,
    say,
    signal,
  }
  const up = await tellStory(devnet, options.siege)
  if (up) output.emit({ event: 'up', staysUp: !options.once, ...up })
  if (options.once || signal.aborted) return
  await once(signal, 'abort')
}

function elapsedMs(): number {
  return Math.round(performance.now())
}
