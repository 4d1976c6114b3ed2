import { EntryKind, type LedgerFacts } from '@teapot-network/trust'
import { type AppManifest, encodeManifest, MANIFEST_PREFIX } from '@teapot-network/trust/app'
import { type Command, jsonOption, networkOption } from '../../command.ts'
import { publishBytes, publishOptions } from '../../publishing.ts'
import { readApp } from './read.ts'

/** `teapot app publish` */
export const command: Command = {
  usage: 'app publish FILE',
  summary: 'Puts a teapot.yaml on the ledger as the policy app/NAME, with references filled in from your environment.',
  options: { version: publishOptions.version, ...networkOption, ...jsonOption },
  positionals: [1, 1],
  async run(args, io) {
    const taken = new Set<string>()
    const manifest = await readApp(args.positionals[0]!, io, taken)
    // A manifest is public, and may be another's who would like to see these.
    if (taken.size > 0) io.err(`warning: out of your environment, and public from now on: ${[...taken].join(', ')}`)
    const publication = {
      kind: EntryKind.policy,
      name: MANIFEST_PREFIX + manifest.name,
      bytes: encodeManifest(manifest),
      grants: [],
    }
    const warn = (facts: LedgerFacts) => {
      io.err(doubts(manifest, facts).map((doubt) => `warning: ${doubt}`))
    }
    return publishBytes(publication, args, io, warn)
  },
}

/** What would keep the manifest from applying, as far as the ledger shows. */
function doubts({ actors }: AppManifest, { entries }: LedgerFacts): string[] {
  const found = actors.map(({ name, minVersion }) => {
    const current = entries.find((entry) => entry.name === name && entry.status === 'current')
    return { name, minVersion, current }
  })
  const publishers = new Set(found.flatMap(({ current }) => current?.publisher ?? []))
  return [
    ...found.flatMap(({ name, minVersion, current }) => {
      if (current === undefined) return [`the ledger has no current actor ${name}`]
      return current.version < minVersion ? [`${name} is v${current.version}, and not run until v${minVersion}`] : []
    }),
    ...(publishers.size > 1 ? ['its actors have several publishers: it applies to those of your own'] : []),
  ]
}
