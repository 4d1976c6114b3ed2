import * as commands from '../../testing/build-command.ts'
import { importOf } from '../../testing/build-module.ts'
import { behavesAsAnActor } from '../abi.behavior.ts'

behavesAsAnActor({
  abi: 'wasi',
  echo: { bytes: commands.echo },
  fails: { bytes: await commands.failingWith('no tea today') },
  traps: { bytes: commands.trapsIfAsked },
  counts: { bytes: commands.counting },
  logs: { bytes: await commands.logging(3) },
  forwards: 'has no capabilities but its scratch directory',
  spins: { bytes: commands.spin },
  grows: { bytes: commands.grow },
  world: { bytes: commands.world },
  sleeps: { bytes: await commands.sleeping(5_000_000) },
  greedy: { bytes: await commands.command('', { imports: importOf('wasi_snapshot_preview1', 'sock_open') }) },
})
