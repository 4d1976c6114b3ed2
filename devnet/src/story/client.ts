import type { NodeId, Verdict } from '@teapot-network/trust'
import type { Devnet } from '../devnet.ts'
import { type TeapotRun, teapot } from './teapot.ts'

/** What a client process was told: the command line's JSON. */
export interface CallAnswer {
  outcome: string
  text: string
  node: NodeId
  skipped: { node: NodeId; code: string; message: string }[]
}

/** A refusal as the command line tells it. */
export interface Refusal {
  code: string
  message: string
}

/** A client on the machine of somebody who trusts nobody: each call is a process of its own. */
export interface StoryClient {
  call(options: { node?: NodeId; save?: string; name?: string }): Promise<CallAnswer>
  /** The refusal that a call meets. @throws Error when it is answered */
  refused(options: { node: NodeId }): Promise<Refusal>
  /** What the client itself makes of a node's evidence. */
  attest(node: NodeId): Promise<Verdict>
  /** Runs `teapot actor call …`, again when the actor missed its deadline, as it may on a busy machine. */
  ask(args: readonly string[]): Promise<TeapotRun>
  run(args: readonly string[], options?: { wrapper?: readonly string[]; cwd?: string }): Promise<TeapotRun>
}

/** What the client asks of the actor. */
export const ASKED = 'world'

export function createStoryClient({ paths, signal }: Devnet): StoryClient {
  const run: StoryClient['run'] = (args, options = {}) => teapot(args, { signal, ...options })
  const network = ['--network', paths.network]
  const ask: StoryClient['ask'] = async (args) => {
    const asked = await run(['actor', 'call', ...args, '--json', ...network])
    const { outcome } = JSON.parse(asked.stdout || '{}')
    return outcome === 'host/deadline' && !signal.aborted ? ask(args) : asked
  }
  const greet = ({ node, save, name = ASKED }: { node?: NodeId; save?: string; name?: string }) =>
    ask(['greeter', 'greet', name, ...(node ? ['--node', node] : []), ...(save ? ['--save', save] : [])])
  return {
    run,
    ask,
    async call(options) {
      const { exitCode, stdout, stderr } = await greet(options)
      const answer = JSON.parse(stdout || '{}')
      if (exitCode !== 0) throw new Error(`The call was not answered: ${answer.error?.message ?? (stderr || stdout)}`)
      return { ...answer, text: Buffer.from(answer.payload, 'base64').toString() }
    },
    async refused(options) {
      const { exitCode, stdout } = await greet(options)
      const { error } = JSON.parse(stdout)
      if (exitCode === 0 || !error) throw new Error('Expected the call to be refused, found it answered')
      return error
    },
    async attest(node) {
      const { stdout } = await run(['node', 'attest', node, '--json', ...network])
      const { verdict, error } = JSON.parse(stdout)
      if (!verdict) throw new Error(error?.message ?? 'no verdict')
      return verdict
    },
  }
}
