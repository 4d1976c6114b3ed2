import { randomUUID } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTransactionQueue, equivocationCall, registerRunCall } from '@teapot-network/ledger'
import { decodeCbor, encodeCbor, equalBytes, parseCheckpoint, parseEvidence, shapeOf } from '@teapot-network/trust'
import { createWitness, Equivocation } from '../witness.ts'
import type { PublisherOptions } from './publisher.ts'

const shape = shapeOf('sdk/equivocation-malformed', 'equivocation')

/** Keeps what a node is convicted by in a file of this folder, and gives its path. */
export async function saveEquivocation({ first, second }: Equivocation, folder: string): Promise<string> {
  const { node, log, sequence } = parseCheckpoint(first.checkpoint)
  const file = join(folder, `${node}.${log}.${sequence}.equivocation`)
  await mkdir(folder, { recursive: true })
  const kept = encodeCbor([first, second].map(({ checkpoint, evidence }) => [checkpoint, evidence]))
  // Several may find the same at once; whoever reads meets it whole.
  const draft = `${file}.${randomUUID()}`
  await writeFile(draft, kept, { flush: true })
  await rename(draft, file)
  return file
}

/**
 * Reads what was kept, and looks whether its checkpoints contradict each other, each signed by the run of its evidence.
 * @throws TeapotError `sdk/equivocation-malformed`, `sdk/checkpoint-unsigned`; those of checkpoints and evidence
 */
export async function readEquivocation(bytes: Uint8Array): Promise<Equivocation> {
  const witness = createWitness()
  const never = () => shape.refuse('checkpoints', 'two under one number', 'others')
  for (const pair of shape.array(decodeCbor(bytes), 'equivocation', 2)) {
    const [checkpoint, evidence] = shape.array(pair, 'pair', 2).map((part) => shape.bytes(part, 'part'))
    const seen = witness.see(parseCheckpoint(checkpoint!), evidence!, never)
    const failure = await seen.catch((error: unknown) => error)
    if (failure instanceof Equivocation) return failure
    if (failure !== undefined) throw failure
  }
  return shape.refuse('checkpoints', 'two that differ', 'none')
}

/**
 * Makes the runs known to the ledger that signed the two, then convicts their node (spec/ledger.md §10.6).
 * @returns the gas of all transactions together
 * @throws LedgerRevert `ledger/reverted` where the ledger finds otherwise, or the node was convicted for this log before
 */
export async function convict(
  { first, second }: Equivocation,
  { rpcUrls, deployment, developerKey, queueFile, signal }: Omit<PublisherOptions, 'facts'>,
): Promise<number> {
  const [a, b] = [first, second].map(({ checkpoint, evidence }) => {
    return [parseEvidence(evidence), parseCheckpoint(checkpoint)] as const
  }) as [Seen, Seen]
  const runs = equalBytes(first.evidence, second.evidence) ? [a] : [a, b]
  await using queue = createTransactionQueue({ rpcUrls, deployment, privateKey: developerKey, queueFile })
  const waiting = signal === undefined ? {} : { signal }
  let gas = 0
  for (const [evidence] of runs) gas += (await queue.send(registerRunCall(evidence), waiting)).gasUsed
  return gas + (await queue.send(equivocationCall(...a, ...b), waiting)).gasUsed
}

type Seen = readonly [ReturnType<typeof parseEvidence>, ReturnType<typeof parseCheckpoint>]
