import { enableCompileCache, flushCompileCache } from 'node:module'
import { join } from 'node:path'

// What this process and the others of the devnet are made of is compiled once, and kept with the code that it is made from. Such a
// cache is code: nothing that is measured may take it, and a machine hands its launcher no environment (spec/launch.md §5).
const { directory } = enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/teapot'))
if (directory) process.env['NODE_COMPILE_CACHE'] = directory

const { runDevnet } = await import('./run.ts')
// A reader that goes away (`npm start | head`) must not take down the network.
process.stdout.on('error', () => {})
// Whatever timer or socket a library left behind, a devnet that has stopped ends here.
process.exit(
  await runDevnet(process.argv.slice(2), async (devnet, epochs) => {
    if (epochs) return (await import('./siege/siege.ts')).withstandSiege(devnet, epochs)
    const { openWorkshop } = await import('./story/workshop.ts')
    const opening = openWorkshop(devnet)
    opening.catch(() => {})
    // Half of this process is still to be read, while the workshop's own processes are at work.
    const { tellStory } = await import('./story/story.ts')
    flushCompileCache()
    return tellStory(devnet, opening)
  }),
)
