import { inspectActor } from '@teapot-network/actors'
import { rawCid } from '@teapot-network/sdk'
import { type Command, exitCode, jsonOption } from '../../command.ts'
import { readInput } from '../../input.ts'
import { toJson } from '../../terminal.ts'

/** `teapot actor inspect`. Runs nothing of the file. */
export const command: Command = {
  usage: 'actor inspect FILE',
  summary: 'Shows what a module or component is: its interface, imports, exports, claims, size and hash.',
  options: { ...jsonOption },
  positionals: [1, 1],
  async run({ positionals, values }, io) {
    const found = await inspectActor(await readInput(positionals[0]!, io))
    const cid = rawCid(found.sha256)
    if (values['json'] === true) {
      io.out(toJson({ ...found, cid }))
      return exitCode.held
    }
    const rows: [string, readonly string[]][] = [
      ['abi', [found.abi === 'none' ? 'none that a node runs' : found.abi]],
      ['imports', found.imports],
      ['exports', found.exports],
      ['claims', claims(found.claims)],
      ['size', [`${found.sizeBytes} bytes`]],
      ['sha256', [found.sha256]],
      ['cid', [cid]],
    ]
    for (const [title, [first = 'none', ...more]] of rows) {
      io.out(
        `${title.padEnd(8)} ${first}`,
        more.map((line) => `         ${line}`),
      )
    }
    return exitCode.held
  },
}

function claims(found: Awaited<ReturnType<typeof inspectActor>>['claims']): string[] {
  if (found === undefined || typeof found === 'string') return found === undefined ? [] : [found]
  const { subject, issuer, capabilities } = found
  return [`${found.name ?? 'nameless'} ${subject}, signed by ${issuer}`, capabilities.join(', ')]
}
