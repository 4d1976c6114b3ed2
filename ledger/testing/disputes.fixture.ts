import type { Digest, Hex } from '@teapot-network/trust'
import type { Vote } from '@teapot-network/trust/vote'
import { beforeAll } from 'vitest'
import { fundAccounts } from '../src/anvil.ts'
import { statementOf } from '../src/round.ts'
import { createNodes, useChain } from './chain.fixture.ts'
import { keyOf, sha256Hex } from './chain.ts'
import { accountOf } from './encode-call.ts'
import { type Quoted, quoteBy, replay } from './quote.ts'

/** Brings disputes. */
export const PROVER = keyOf('prover')
const R_LOG = [sha256Hex('launcher'), sha256Hex('runtime')]
/** The runtime that is approved. */
export const R = replay(R_LOG)
/** A runtime that nobody registered. */
export const UNKNOWN = [sha256Hex('launcher'), sha256Hex('rootkit')]

/** A vote and its ballot, as a dispute is given them. */
export type Case = ReturnType<typeof statementOf>
type Quoting = Parameters<typeof quoteBy>[1]

/** A chain in epoch 2, before which {@link R} and the actor `greeter` were approved. Of four nodes A is who gets it wrong, and D whom it is about. */
export async function useDisputes() {
  const nodes = await createNodes('a', 'b', 'c', 'd')
  const [a, b, , d] = nodes
  const { chain, close, ...network } = useChain({ genesis: nodes })
  let greeter: Digest

  beforeAll(async () => {
    await fundAccounts(chain.anvil.url, [accountOf(PROVER)])
    for (const node of nodes) await chain.register(node)
    for (const node of nodes) await chain.place(node, 'active')
    greeter = await publish('greeter', 3)
    await chain.write(chain.committee, 'codeRegistry', 'approve', [sha256Hex('greeter'), 1n])
    await addR()
    await close(b)
  })

  const addR = (r: Hex = R) => chain.write(chain.committee, 'referenceValues', 'add', [r, '0.1.0', 'linux-x64'])
  async function publish(name: string, kind: number): Promise<Digest> {
    await chain.write(a.key, 'codeRegistry', 'publish', [name, kind, 1n, sha256Hex(name), 'cid', '0x'])
    const [entries] = await chain.read('codeRegistry', 'list', [0n, 100n])
    return entries.at(-1)!.digest
  }
  const quote = (by = d, more: Quoting = {}) => quoteBy(by.ak, { rLog: R_LOG, cLog: [greeter], ...more })

  return {
    ...network,
    chain,
    nodes,
    close,
    addR,
    publish,
    /** What D's TPM says, by default of the approved runtime and actor. */
    quoteOf: (more: Quoting = {}) => quote(d, more),
    /** The same by the TPM of another. */
    quote,
    /** A's vote on a quote of D's. */
    async voteOn(
      quoted: Pick<Quoted, 'quote' | 'boot'>,
      outcome: Vote['outcome'],
      said: Partial<Vote> = {},
      voter = a,
    ) {
      const { quote, boot } = quoted
      const what = {
        node: d.id,
        epoch: 2,
        run: sha256Hex('run'),
        evidence: sha256Hex('evidence'),
        outcome,
        quote,
        boot,
      }
      return statementOf(await chain.signed({ ...what, ...said }, voter))
    },
    dispute: ([said, vote]: Case, shown: Quoted['shown']) =>
      chain.write(PROVER, 'disputes', 'dispute', [said, vote, shown]),
    disputeR: ([said, vote]: Case, { shown, shownR }: Quoted) =>
      chain.write(PROVER, 'disputes', 'disputeR', [said, vote, { ...shown, ...shownR }]),
    equivocation: (x: Case, y: Case) => chain.write(PROVER, 'disputes', 'equivocation', [...x, ...y]),
    balanceOfProver: () => network.balanceOf(accountOf(PROVER)),
  }
}
