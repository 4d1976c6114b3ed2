// A devnet of one ordinary process, for the tests of starting and stopping. Prints the process's pid in a step.
import { startChain } from './chain.ts'
import { runDevnet } from './run.ts'

process.stdout.on('error', () => {})
process.exit(
  await runDevnet(process.argv.slice(2), async ({ step, supervisor, paths, state, saveState, signal }) => {
    const chain = await startChain({ supervisor, folder: paths.chain, port: state.chain.port, signal })
    await step('1', 'a machine and what it started', async (say) => {
      const script = 'sleep 1000 & echo "ready $!"; wait'
      const ready = (line: string) => /^ready (\d+)$/.exec(line)?.[1]
      const machine = await supervisor.start({
        name: 'machine',
        command: 'sh',
        args: ['-c', script],
        layer: 1,
        ready,
        signal,
      })
      say('up', { pids: [machine.pid, Number(machine.ready), chain.pid] })
    })
    state.chain.port = chain.port
    saveState()
    if (process.env.FAIL_STEP) await step('2', 'a step that fails', () => Promise.reject(new Error('as asked')))
    return { addresses: { chain: chain.url }, commands: ['npx teapot status'] }
  }),
)
