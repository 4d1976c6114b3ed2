import { randomBytes } from 'node:crypto'
import {
  contributors,
  entitled,
  LedgerRevert,
  type Round as LedgerRound,
  seedCommitment,
  type TransactionQueue,
} from '@teapot-network/ledger'
import { type Digest, type NodeId, toHex } from '@teapot-network/trust'
import type { Log } from '../log.ts'
import { openDurableJson } from './durable-json.ts'

/** This node's part in making the seeds of epochs (spec/rounds.md §7): it commits to a secret, and reveals it an epoch later. */
export interface Beacon {
  /** Does what is due now. Rejects where the ledger could not be written, to be tried again with the next block. */
  advance(ledger: LedgerRound): Promise<void>
}

export interface BeaconParts {
  self: NodeId
  /** File of the secrets, which outlive the process: whoever does not reveal pays. */
  path: string
  writer: Pick<TransactionQueue, 'send'>
  log: Log
}

/** @throws TeapotError `attest/bad-notes` */
export async function openBeacon({ self, path, writer, log }: BeaconParts): Promise<Beacon> {
  const secrets = await openDurableJson(path, [] as (readonly [epoch: number, secret: Digest])[])
  const begun = new Set<string>()
  const secretOf = (epoch: number) => secrets.value.find(([of]) => of === epoch)?.[1]

  async function once(what: string, epoch: number, send: () => Promise<unknown>): Promise<void> {
    const key = `${what} ${epoch}`
    if (begun.has(key)) return
    begun.add(key)
    try {
      await send()
    } catch (error) {
      if (!(error instanceof LedgerRevert)) {
        begun.delete(key)
        throw error
      }
      log.warn(`${what} for a seed refused`, { epoch, reason: error.message })
    }
  }

  async function commit(epoch: number): Promise<void> {
    const secret = secretOf(epoch) ?? toHex(randomBytes(32))
    // Those of the present epoch and before are revealed, or worthless.
    await secrets.save([...secrets.value.filter(([of]) => of === epoch - 1), [epoch, secret]])
    const args = [epoch, seedCommitment(epoch, self, secret)] as const
    await writer.send({ contract: 'attestation', functionName: 'commit', args })
  }

  async function reveal(epoch: number): Promise<void> {
    const secret = secretOf(epoch)
    if (secret) await writer.send({ contract: 'attestation', functionName: 'reveal', args: [epoch, secret] })
    else log.error('the secret of a seed is lost, and some of the bond with it', { epoch })
  }

  return {
    async advance(ledger) {
      const { number } = ledger.facts.epoch
      const [next, after] = [number + 1, number + 2].map((epoch) => ledger.beacon.find((one) => one.epoch === epoch))
      if (next?.committed.includes(self) && !next.revealed.includes(self)) {
        await once('reveal', number + 1, () => reveal(number + 1))
      }
      const able = entitled(ledger.facts).some(({ id }) => id === self)
      if (!able || after?.committed.includes(self) || !contributors(ledger, number + 2).includes(self)) return
      await once('commit', number + 2, () => commit(number + 2))
    },
  }
}
