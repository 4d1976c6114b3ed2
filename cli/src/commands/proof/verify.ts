import {
  type ProofExpectation,
  type ProofVerdict,
  renderVerdict,
  TeapotError,
  verifyProof,
} from '@teapot-network/trust'
import { proofAppraisers } from '@teapot-network/trust/appraisers'
import { type Arguments, type Command, exitCode, type Io, jsonOption } from '../../command.ts'
import { readInput, readPayload } from '../../input.ts'
import { renderStanding } from './standing.ts'

/** `teapot proof verify`. Reads files and nothing else, unless `--network` asks for the ledger. */
export const verify: Command = {
  usage: 'proof verify FILE [--explain]',
  summary:
    'Checks a saved proof offline: signature, log, quote, what was measured. What is not given is not checked, and told.',
  options: {
    explain: { type: 'boolean', help: 'print every reason as a tree' },
    actor: { type: 'string', help: 'the actor that was called, with --operation and a payload' },
    operation: { type: 'string', help: 'the operation that was called' },
    payload: { type: 'string', help: 'what was asked, as text; - reads standard input' },
    request: { type: 'string', help: 'what was asked, from this file' },
    result: { type: 'string', help: 'what was answered, as text; - reads standard input' },
    response: { type: 'string', help: 'what was answered, from this file' },
    trace: { type: 'string', help: 'what the actor saw of the world, from this file' },
    policy: { type: 'string', help: 'appraise under the policy in this file' },
    network: {
      type: 'string',
      help: 'also compare with the ledger of this network file, epochs that anchor it included',
    },
    ...jsonOption,
  },
  positionals: [1, 1],
  async run(args: Arguments, io: Io) {
    const bytes = await readInput(args.positionals[0]!, io)
    const expected = await readExpectation(args, bytes, io)
    const verdict = await verifyProof(bytes, { ...expected, appraisers: proofAppraisers })
    if (args.values['json'] === true) io.out(JSON.stringify(verdict))
    else if (args.values['explain'] === true) io.out(renderVerdict(verdict))
    else io.out(`${verdict.tier}: ${verdict.summary}\n${renderStanding(verdict)}`)
    return holds(verdict, expected) ? exitCode.held : exitCode.refused
  },
}

/** Without the ledger the best verdict is a warning that says so; with it, nothing below affirming holds. */
function holds({ tier, reasons }: ProofVerdict, { facts }: ProofExpectation): boolean {
  if (tier === 'affirming') return true
  return tier === 'warning' && facts === undefined && reasons.every(({ status }) => status !== 'fail')
}

async function readExpectation(args: Arguments, proof: Uint8Array, io: Io): Promise<ProofExpectation> {
  const text = (name: string): string | undefined => args.values[name] as string | undefined
  const request = await oneOf(text('payload'), text('request'), '--payload and --request', io)
  const response = await oneOf(text('result'), text('response'), '--result and --response', io)
  const { actor, operation } = args.values
  if ((request !== undefined || actor !== undefined || operation !== undefined) && !(actor && operation)) {
    throw new TeapotError('cli/usage', 'Cannot compare the request: expected both --actor and --operation')
  }
  const policy = text('policy')
  const trace = text('trace')
  return {
    ...(actor && operation
      ? { request: { actor: actor as string, operation: operation as string, payload: request ?? new Uint8Array(0) } }
      : {}),
    ...(response === undefined ? {} : { response: { outcome: 'ok', payload: response } }),
    ...(trace === undefined ? {} : { trace: await readInput(trace, io) }),
    ...(policy === undefined ? {} : { policy: await readInput(policy, io) }),
    ...(text('network') === undefined ? {} : await readLedger(args, proof, io)),
  }
}

async function oneOf(typed: string | undefined, file: string | undefined, names: string, io: Io) {
  if (typed !== undefined && file !== undefined) {
    throw new TeapotError('cli/usage', `Cannot take both ${names}: give one`)
  }
  if (typed !== undefined) return readPayload(typed, io)
  return file === undefined ? undefined : readInput(file, io)
}

/** Loaded only when asked for: checking a file needs no network code. */
async function readLedger(args: Arguments, proof: Uint8Array, io: Io) {
  const { connectNetwork } = await import('../../network.ts')
  const { client } = connectNetwork(args, io)
  return { facts: await client.facts(io.signal), epochs: await client.epochsOf(proof, io.signal) }
}
