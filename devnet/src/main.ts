import { runDevnet } from './run.ts'
import { withstandSiege } from './siege/siege.ts'
import { tellStory } from './story/story.ts'

// A reader that goes away (`npm start | head`) must not take down the network.
process.stdout.on('error', () => {})
// Whatever timer or socket a library left behind, a devnet that has stopped ends here.
process.exit(
  await runDevnet(process.argv.slice(2), (devnet, epochs) =>
    epochs ? withstandSiege(devnet, epochs) : tellStory(devnet),
  ),
)
