import { type Claims, parseBundle, parseClaims, type Reason, TeapotError } from '@teapot-network/trust'
import { renderReason } from '@teapot-network/trust/verdict'
import { type Arguments, type Command, exitCode, type Io, jsonOption, networkOption } from '../../command.ts'
import { callOptions, readAs, readEither, readInput, replaceFile } from '../../input.ts'
import { checkInputs, checkOutputs, checkProof } from '../../replay/compare.ts'
import { type Dispute, encodeDispute, parseDispute } from '../../replay/dispute.ts'
import { rerun } from '../../replay/rerun.ts'
import { foldTree, printableIn, toJson } from '../../terminal.ts'
import { readApp } from '../app/read.ts'

/** `teapot proof replay` */
export const command: Command = {
  usage: 'proof replay FILE --payload TEXT|--request FILE [--trace FILE]',
  summary:
    'Runs the call of a proof again, here: the same code on the same input, and what it saw of the world. Whether the result, the fuel and the trace are the same, it tells; what is not the same it writes to FILE.dispute, which it can replay too.',
  options: {
    ...callOptions,
    app: { type: 'string', help: 'the teapot.yaml that covered the actor: its limits and environment count' },
    code: { type: 'string', help: 'the actor, from this file (default: by its hash, from the network)' },
    ...networkOption,
    ...jsonOption,
  },
  positionals: [1, 1],
  async run(args: Arguments, io: Io) {
    const file = args.positionals[0]!
    const { known, read, bundle, claims } = await readAs(file, 'a proof or a dispute', parseFile, io)
    const given = known ?? { bundle: read, ...(await readGiven(args, io)) }
    const inputs = { ...given, code: await readCode(claims, args, io) }
    const reasons = [await checkProof(given.bundle), ...checkInputs(claims, inputs)]
    let written: string | undefined
    if (reasons.every(passed)) {
      const again = await rerun(claims, inputs, io.signal)
      reasons.push(...checkOutputs(bundle, claims, inputs, again))
      if (reasons.some(({ status }) => status === 'fail') && known === undefined) {
        written = `${file}.dispute`
        await replaceFile(written, encodeDispute(given, again), io)
      }
    }
    const same = isSame(reasons)
    tell(same, reasons, written, args, io)
    return same ? exitCode.held : exitCode.refused
  },
}

function parseFile(bytes: Uint8Array) {
  const known = parseDispute(bytes)
  const read = known?.bundle ?? bytes
  const bundle = parseBundle(read)
  return { known, read, bundle, claims: parseClaims(bundle.claims) }
}

const passed = ({ status }: Reason): boolean => status === 'pass'

/** What was not in the bundle may stay unchecked; the result may not. */
function isSame(reasons: readonly Reason[]): boolean {
  const result = reasons.find(({ id }) => id === 'replay/result')
  return result !== undefined && passed(result) && reasons.every(({ status }) => status !== 'fail')
}

function tell(same: boolean, reasons: Reason[], dispute: string | undefined, { values }: Arguments, io: Io): void {
  const lines = [same ? 'same: the code comes to what the proof claims' : 'not shown to be the same']
  for (const reason of printableIn(reasons)) renderReason(reason, '', lines)
  io.out(
    ...(values['json'] === true ? [toJson({ same, reasons, dispute: dispute ?? null })] : foldTree(lines.join('\n'))),
  )
  if (dispute !== undefined) io.err(`anyone can see this again: teapot proof replay ${dispute}`)
}

async function readGiven(args: Arguments, io: Io): Promise<Omit<Dispute, 'bundle'>> {
  const { trace, app } = args.values as Record<string, string | undefined>
  const payload = await readEither('payload', 'request', args, io)
  if (payload === undefined) {
    throw new TeapotError(
      'cli/usage',
      'Cannot replay: expected what was asked, in --payload or --request; found neither',
    )
  }
  return {
    payload,
    trace: trace === undefined ? undefined : await readInput(trace, io),
    app: app === undefined ? undefined : await readApp(app, io),
  }
}

/** Network code is loaded only for a network. */
async function readCode({ actor }: Claims, args: Arguments, io: Io): Promise<Uint8Array> {
  const file = args.values['code'] as string | undefined
  if (file !== undefined) return readInput(file, io)
  const { createBlockReader } = await import('@teapot-network/sdk')
  const { connectNetwork } = await import('../../network.ts')
  const facts = await connectNetwork(args, io).client.facts(io.signal)
  return createBlockReader(facts, { fetch, timeoutMs: 5_000, signal: io.signal })(actor.sha256)
}
