import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { payOnProofAbi, payOnProofBytecode, proofArgs, registerRunCall } from '@teapot-network/ledger'
import { digestOf, type ProofVerdict, parseBundle, parseClaims, parseEvidence, utf8 } from '@teapot-network/trust'
import { createPublicClient, createWalletClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { StoryClient } from './client.ts'
import type { OpenNetwork } from './opening.ts'
import type { TeapotRun } from './teapot.ts'
import { until } from './wait.ts'

const GUESTS = 'Ada\nGrace'
const BOUNTY_WEI = 10n ** 15n

/** Step 9c: one result from provisional to anchored, and what it is good for then. */
export async function proven(network: OpenNetwork, client: StoryClient): Promise<void> {
  const { devnet } = network
  const file = (name: string) => join(devnet.paths.client, name)
  const [proof, trace] = [file('party.proof'), file('party.trace')]
  await devnet.step(
    '9c',
    'A result is confirmed and anchored; a contract pays for it, and anyone runs it again',
    async (say) => {
      const run = async (...args: string[]) =>
        held(await client.run([...args, '--network', devnet.paths.network, '--json']))
      const call = ['party', 'welcome', GUESTS, '--save', proof, '--trace', trace]
      // When one of the three actors misses its deadline, it is another error that the party tells.
      await until('the party to answer', async () => held(await client.ask(call)), devnet)
      const fresh: ProofVerdict = JSON.parse(held(await client.run(['proof', 'verify', proof, '--json'])))
      say(`party asked greeter ${fresh.children.length} times, and one proof holds for all: ${standingOf(fresh)}`)
      await until('the proof to be confirmed and anchored', () => run('proof', 'upgrade', proof), devnet)
      const raised: ProofVerdict = JSON.parse(await run('proof', 'verify', proof))
      say(`seconds later: ${standingOf(raised)}`, { fresh: fresh.standing, raised: raised.standing, file: proof })
      say(`a contract paid for it: ${await payFor(network, proof)} gas`)
      await run('proof', 'replay', proof, '--payload', GUESTS, '--trace', trace)
      say('the same code on the same input came to the same result, here')
    },
  )
}

function held({ exitCode, stdout, stderr }: TeapotRun): string {
  if (exitCode !== 0) throw new Error(`Expected it to hold, found exit code ${exitCode}: ${stdout}${stderr}`)
  return stdout
}

function standingOf({ tier, standing: { confirmed, anchored } }: ProofVerdict): string {
  const anchor = anchored
    ? `anchored in epoch ${anchored.epoch}, no newer than block ${anchored.block}`
    : 'not anchored'
  return `${tier}, ${confirmed ? 'confirmed' : 'provisional'}, ${anchor}`
}

/** Makes the run known on chain, offers a bounty for this very answer, and claims it with the proof. */
async function payFor({ chain, committee, deployment, devnet }: OpenNetwork, file: string): Promise<bigint> {
  const bundle = parseBundle(readFileSync(file))
  const claims = parseClaims(bundle.claims)
  const evidence = parseEvidence(bundle.evidence)
  await committee.send(registerRunCall(evidence, claims), devnet)
  const account = privateKeyToAccount(devnet.state.keys.developer)
  const transport = http(chain.url)
  const [wallet, reader] = [
    createWalletClient({ account, transport }),
    createPublicClient({ transport, pollingInterval: 100 }),
  ]
  const mined = async (hash: `0x${string}`) => {
    const receipt = await reader.waitForTransactionReceipt({ hash })
    if (receipt.status === 'success') return receipt
    throw new Error('Expected the contract to pay, found that it refused')
  }
  const args = [
    deployment.proofVerifier,
    digestOf(utf8(claims.actor.name)),
    claims.actor.sha256,
    claims.request,
  ] as const
  const contract = { abi: payOnProofAbi, chain: null }
  const offered = await mined(
    await wallet.deployContract({ ...contract, bytecode: payOnProofBytecode, args, value: BOUNTY_WEI }),
  )
  const claim = {
    ...contract,
    address: offered.contractAddress!,
    functionName: 'claim',
    args: [proofArgs(bundle), evidence.operator],
  } as const
  return (await mined(await wallet.writeContract(claim))).gasUsed
}
