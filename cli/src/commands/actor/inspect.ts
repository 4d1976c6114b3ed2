import { inspectActor } from '@teapot-network/actors'
import { rawCid } from '@teapot-network/sdk'
import { type Command, exitCode, jsonOption } from '../../command.ts'
import { printable, readInput } from '../../input.ts'

/** `teapot actor inspect`. Runs nothing of the file. */
export const inspect: Command = {
  usage: 'actor inspect FILE',
  summary: 'Shows what a module or component is: its interface, imports, exports, claims, size and hash.',
  options: { ...jsonOption },
  positionals: [1, 1],
  async run({ positionals, values }, io) {
    const found = await inspectActor(await readInput(positionals[0]!, io))
    const cid = rawCid(found.sha256)
    if (values['json'] === true) {
      io.out(JSON.stringify({ ...found, cid }))
      return exitCode.held
    }
    const list = (items: readonly string[]) => (items.length === 0 ? 'none' : items.map(printable).join('\n         '))
    io.out(`abi      ${found.abi === 'none' ? 'none that a node runs' : found.abi}`)
    io.out(`imports  ${list(found.imports)}`)
    io.out(`exports  ${list(found.exports)}`)
    io.out(`claims   ${claims(found.claims)}`)
    io.out(`size     ${found.sizeBytes} bytes`)
    io.out(`sha256   ${found.sha256}`)
    io.out(`cid      ${cid}`)
    return exitCode.held
  },
}

function claims(found: Awaited<ReturnType<typeof inspectActor>>['claims']): string {
  if (found === undefined) return 'none'
  if (typeof found === 'string') return printable(found)
  const { subject, issuer, capabilities } = found
  return printable(`${found.name ?? 'nameless'} ${subject}, signed by ${issuer}\n         ${capabilities.join(', ')}`)
}
