import { startChain } from '../chain.ts'
import type { Devnet, NetworkUp } from '../devnet.ts'

/** The story of README.md, told by a real network. */
export async function tellStory({ step, supervisor, paths, state, saveState, signal }: Devnet): Promise<NetworkUp> {
  const chain = await step('1', 'ledger up', async (say) => {
    const started = await startChain({ supervisor, folder: paths.chain, port: state.chain.port, signal })
    state.chain.port = started.port
    saveState()
    say(`chain at ${started.url}`, { chain: started.url })
    return started
  })
  return { addresses: { chain: chain.url }, commands: [] }
}
