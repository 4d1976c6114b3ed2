import { type ProofExpectation, type ProofVerdict, TeapotError, verifyProof } from '@teapot-network/trust'
import { proofAppraisers } from '@teapot-network/trust/appraisers'
import { renderVerdict } from '@teapot-network/trust/verdict'
import { type Arguments, type Command, exitCode, type Io, jsonOption } from '../../command.ts'
import { callOptions, readEither, readInput } from '../../input.ts'
import { foldTree, printableIn, toJson } from '../../terminal.ts'
import { parseLedger } from './ledger-file.ts'
import { renderStanding } from './standing.ts'

/** `teapot proof verify`. Reads files and nothing else, unless `--network` asks for the ledger. */
export const command: Command = {
  usage: 'proof verify FILE [--explain]',
  summary:
    'Checks a saved proof offline: signature, log, quote, what was measured. What is not given is not checked, and told.',
  options: {
    explain: { type: 'boolean', help: 'print every reason as a tree' },
    actor: { type: 'string', value: 'NAME', help: 'the actor that was called, with --operation and a payload' },
    operation: { type: 'string', value: 'NAME', help: 'the operation that was called' },
    ...callOptions,
    result: { type: 'string', value: 'TEXT', help: 'what was answered, as text; - reads standard input' },
    response: { type: 'string', help: 'what was answered, from this file' },
    policy: { type: 'string', help: 'appraise under the policy in this file' },
    network: { type: 'string', help: 'also compare with the ledger of this network file' },
    ledger: { type: 'string', help: 'also compare with what "ledger facts" wrote into this file' },
    ...jsonOption,
  },
  positionals: [1, 1],
  async run(args: Arguments, io: Io) {
    const bytes = await readInput(args.positionals[0]!, io)
    const expected = await readExpectation(args, bytes, io)
    const verdict = await verifyProof(bytes, { ...expected, appraisers: proofAppraisers })
    if (args.values['json'] === true) io.out(toJson(verdict))
    else {
      const shown = printableIn(verdict)
      const { tier, summary } = shown
      io.out(args.values['explain'] === true ? foldTree(renderVerdict(shown)) : [`${tier}: ${summary}`])
      if (tier === 'affirming' || tier === 'warning') io.out(renderStated(shown))
    }
    return holds(verdict, expected) ? exitCode.held : exitCode.refused
  },
}

/** What is proven, and how it stands. */
function renderStated(verdict: ProofVerdict): string[] {
  const { actor, operation, outcome, node } = verdict.claims!
  return [`${actor.name} v${actor.version}, ${operation}: ${outcome}, by node ${node}`, renderStanding(verdict)]
}

/** Without the ledger the best verdict is a warning that says so; with it, nothing below affirming holds. */
function holds({ tier, reasons }: ProofVerdict, { facts }: ProofExpectation): boolean {
  if (tier === 'affirming') return true
  return tier === 'warning' && facts === undefined && reasons.every(({ status }) => status !== 'fail')
}

async function readExpectation(args: Arguments, proof: Uint8Array, io: Io): Promise<ProofExpectation> {
  const request = await readEither('payload', 'request', args, io)
  const response = await readEither('result', 'response', args, io)
  const { actor, operation } = args.values
  if ((request !== undefined || actor !== undefined || operation !== undefined) && !(actor && operation)) {
    throw new TeapotError('cli/usage', 'Cannot compare the request: expected both --actor and --operation')
  }
  const { policy, trace } = args.values as Record<string, string | undefined>
  return {
    ...(actor && operation
      ? { request: { actor: actor as string, operation: operation as string, payload: request ?? new Uint8Array(0) } }
      : {}),
    ...(response === undefined ? {} : { response: { outcome: 'ok', payload: response } }),
    ...(trace === undefined ? {} : { trace: await readInput(trace, io) }),
    ...(policy === undefined ? {} : { policy: await readInput(policy, io) }),
    ...(await readLedger(args, proof, io)),
  }
}

/** What the caller knows of the ledger. Network code is loaded only when asked for: checking a file needs none. */
async function readLedger(args: Arguments, proof: Uint8Array, io: Io): Promise<ProofExpectation> {
  const { network, ledger } = args.values as Record<string, string | undefined>
  if (network !== undefined && ledger !== undefined) {
    throw new TeapotError('cli/usage', 'Cannot take both --network and --ledger: expected one of them, found two')
  }
  if (ledger !== undefined) return parseLedger(ledger, await readInput(ledger, io))
  if (network === undefined) return {}
  const { connectNetwork } = await import('../../network.ts')
  const { client } = connectNetwork(args, io)
  return { facts: await client.facts(io.signal), epochs: await client.epochsOf(proof, io.signal) }
}
