import { join } from 'node:path'
import type { Publication } from '@teapot-network/sdk'
import { createCommittee, createPublisher } from '@teapot-network/sdk/node'
import { EntryKind, kindName, type LedgerFacts, TeapotError } from '@teapot-network/trust'
import { type Arguments, exitCode, type Io } from './command.ts'
import { readInput } from './input.ts'
import { connectNetwork, requireKey } from './network.ts'
import { toJson } from './terminal.ts'

/** Options of everything that publishes. */
export const publishOptions = {
  name: { type: 'string', value: 'NAME', help: 'the name it is called by; the first publisher owns it' },
  version: { type: 'string', value: 'N', help: 'above every earlier one (default: the next)' },
} as const

/**
 * Publishes a file under a name: ledger, then a node that takes the bytes, then approval where the network file holds the committee's key.
 * @throws TeapotError `cli/usage`, `cli/no-key`, and those of publishing
 */
export async function publishFile(kind: number, grants: string[], args: Arguments, io: Io): Promise<number> {
  const { name } = args.values
  if (typeof name !== 'string' || name === '') throw new TeapotError('cli/usage', 'Cannot publish: expected --name')
  return publishBytes({ kind, name, grants, bytes: await readInput(args.positionals[0]!, io) }, args, io)
}

/**
 * The same for bytes that are no file's.
 * @param onFacts looks at the ledger before anything is published
 * @throws TeapotError `cli/usage`, `cli/no-key`, and those of publishing
 */
export async function publishBytes(
  { kind, name, bytes, grants }: Omit<Publication, 'version'>,
  args: Arguments,
  io: Io,
  onFacts: (facts: LedgerFacts) => void = () => {},
): Promise<number> {
  const { version: asked, json } = args.values
  const { network, client } = connectNetwork(args, io)
  const { folder, rpcUrls, deployment, keys } = network
  const developerKey = requireKey(keys.developer)
  const facts = await client.facts(io.signal)
  onFacts(facts)
  const version = asked === undefined ? nextVersion(facts, name) : parseVersion(asked as string)
  const common = { rpcUrls, deployment, signal: io.signal }
  const say = (line: string): void => (json === true ? undefined : io.err(line))
  say(`publishing ${kindName(kind)} ${name} version ${version}, ${bytes.length} bytes`)
  await using publisher = createPublisher({
    ...common,
    developerKey,
    queueFile: join(folder, 'developer-queue.sqlite'),
    facts: client.facts,
  })
  const published = await publisher.publish({ kind, name, version, bytes, grants })
  say(`${published.cid} is on the ledger, and held by ${published.holder}`)
  const approved = kind === EntryKind.page || keys.committee !== undefined
  if (kind !== EntryKind.page && keys.committee !== undefined) {
    const queueFile = join(folder, 'committee-queue.sqlite')
    await using committee = createCommittee({ ...common, committeeKey: keys.committee, queueFile })
    await committee.approve(name, version)
    say('approved with the development key that stands in for the committee')
  }
  const { cid, sha256, holder } = published
  if (json === true) io.out(toJson({ name, version, cid, sha256, holder, approved }))
  else io.out(kind === EntryKind.page ? `${holder}/ipfs/${cid}` : `${name} ${version} ${cid}`)
  return exitCode.held
}

function parseVersion(text: string): number {
  const version = Number(text)
  if (Number.isSafeInteger(version) && version > 0) return version
  throw new TeapotError('cli/usage', `Cannot read --version: expected a whole number from 1, found ${text}`)
}

function nextVersion({ entries }: LedgerFacts, name: string): number {
  return 1 + Math.max(0, ...entries.filter((entry) => entry.name === name).map(({ version }) => version))
}
