import { join } from 'node:path'
import { alterCalls, recordCalls, replayCall, swapEvidence } from '../../proxies/call-proxy.ts'
import type { Exchange } from '../../proxies/relay.ts'
import { ASKED, type StoryClient } from '../client.ts'
import type { OpenNetwork } from '../opening.ts'

/** 7d: whoever carries the traffic alters, replays and swaps it; a proof is shown with another result. All of it fails in the client. */
export async function networkInBetween(network: OpenNetwork, client: StoryClient): Promise<void> {
  const { devnet, boxes } = network
  const [box, other] = [boxes[0]!, boxes[1]!]
  await devnet.step('7d', 'Cheat: whoever carries the traffic alters, replays and swaps it', async (say) => {
    const expectCode = async (what: string, codes: string[]) => {
      const { code, message } = await client.refused({ node: box.id })
      if (!codes.includes(code))
        throw new Error(`Expected ${what} to fail as ${codes.join(' or ')}, found ${code}: ${message}`)
      say(`${what}: ${message}`, { code })
    }
    try {
      box.proxy.setTamper(alterCalls())
      await expectCode('an altered response', ['sdk/unseal-failed'])
      const recorded: Exchange[] = []
      box.proxy.setTamper(recordCalls(recorded))
      await client.call({ node: box.id })
      box.proxy.setTamper(replayCall(recorded[0]!))
      await expectCode('a recorded response', ['sdk/unseal-failed'])
      box.proxy.setTamper(swapEvidence(other.url))
      await expectCode('the evidence of another node', ['sdk/evidence-refused'])
    } finally {
      box.proxy.setTamper()
    }
    const proof = join(devnet.paths.client, 'greeting.proof')
    const named = ['--actor', 'greeter', '--operation', 'greet']
    const shown = async (what: string, args: string[]) => {
      const { exitCode, stdout } = await client.run(['proof', 'verify', proof, ...named, ...args])
      if (exitCode !== 1) throw new Error(`Expected ${what} to be refused, found exit code ${exitCode}: ${stdout}`)
      return `${what}: ${stdout.trim()}`
    }
    const refusals = await Promise.all([
      shown('a saved proof with another result', ['--payload', ASKED, '--result', 'Goodbye, world!']),
      shown('a saved proof of another request', ['--payload', 'somebody else']),
    ])
    for (const refusal of refusals) say(refusal)
  })
}
