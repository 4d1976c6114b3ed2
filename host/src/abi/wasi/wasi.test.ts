import * as commands from '../../testing/build-command.ts'
import { buildModule } from '../../testing/build-module.ts'
import { behavesAsAnActor } from '../abi.behavior.ts'

behavesAsAnActor({
  abi: 'wasi',
  echo: { bytes: commands.echo },
  fails: { bytes: commands.failingWith('no tea today') },
  traps: { bytes: commands.trapsIfAsked },
  counts: { bytes: commands.counting },
  logs: { bytes: commands.logging(3) },
  forwards: 'has no capabilities but its scratch directory',
  spins: { bytes: commands.spin },
  grows: { bytes: commands.grow },
  world: { bytes: commands.world },
  sleeps: { bytes: commands.sleeping(5_000_000) },
  greedy: {
    bytes: buildModule({
      entry: '_start',
      imports: [{ module: 'wasi_snapshot_preview1', name: 'sock_open', type: [2, 1] }],
      functions: [{ type: [0, 0], body: [] }],
    }),
  },
})
