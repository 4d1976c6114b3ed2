import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from '@teapot-network/sdk'
import { recordEvidence, replayEvidence, swapEvidence, type Tamper } from '../proxies/call-proxy.ts'
import type { Exchange } from '../proxies/relay.ts'
import type { Say } from '../steps.ts'
import { until } from '../story/wait.ts'
import { recruit, type Siege } from './opening.ts'
import { WAIT_MS } from './watch.ts'

/**
 * A thief copies the TPM of an honest node, so that two machines quote under one node id, and stands in that node's network: the thief's
 * evidence, another node's, and the node's own of earlier are shown instead of its own. The ledger takes no second node of one AK, and the
 * client refuses what it is shown.
 */
export async function stolenIdentity(siege: Siege, client: Client, say: Say): Promise<void> {
  const { watch, devnet, ledger, honest } = siege
  const [victim, other] = [honest[0]!, honest[1]!]
  const recorded: Exchange[] = []
  victim.proxy.setTamper(recordEvidence(recorded))
  await client.attest(victim.id)
  const since = watch.epoch
  const thief = await recruit(siege, 'thief', {
    async tamper(folder) {
      await rm(join(folder, 'tpm'), { recursive: true })
      await cp(join(victim.folder, 'tpm'), join(folder, 'tpm'), { recursive: true })
    },
  })
  await until('the copied TPM to quote', async () => (await thief.status()).evidence, {
    signal: devnet.signal,
    timeoutMs: WAIT_MS,
  })
  if (thief.id !== victim.id) throw new Error('Expected the copied TPM to give the same node id, found another')
  await watch.untilEpoch(since + 2)
  const shown = async (what: string, tamper: Tamper) => {
    victim.proxy.setTamper(tamper)
    const { verdict } = await client.attest(victim.id).finally(() => victim.proxy.setTamper())
    if (verdict.tier === 'affirming') throw new Error(`Expected ${what} to be refused, found it affirmed`)
    say(`${what}: ${verdict.summary}`)
  }
  await shown('evidence of the copied TPM', swapEvidence(thief.url))
  await shown('evidence of another node', swapEvidence(other.url))
  await shown('evidence of two epochs ago', replayEvidence(recorded[0]!))
  const { verdict } = await client.attest(victim.id)
  if (verdict.tier !== 'affirming') throw new Error(`Expected its own evidence to hold, found: ${verdict.summary}`)
  const { nodes } = await ledger.readFacts({ signal: devnet.signal })
  if (nodes.filter(({ id }) => id === victim.id).length !== 1) throw new Error('Expected one node of one AK')
  await thief.stop()
}
