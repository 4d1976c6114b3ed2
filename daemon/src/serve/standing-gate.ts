import { type NodeStatus, utf8 } from '@teapot-network/trust'
import { isShutOut } from '../lattice/isolation.ts'
import type { Answer, Caller } from './parts.ts'

/**
 * Refuses calls while the ledger shuts this node out: new ones before anything runs, and the answers of those in flight, whose proof
 * nobody would take (spec/call.md §4.5).
 * @param standing what the ledger says of this node now; undefined where it says nothing
 */
export function gateByStanding(caller: Caller, standing: () => NodeStatus | undefined): Caller {
  const refusal = (outcome: string, what: string): Answer | undefined => {
    const status = standing()
    if (!isShutOut(status)) return undefined
    const message = `${what}: expected the ledger to call this node active, found ${status}; call another node`
    return { outcome, payload: utf8(message), kind: 'unavailable' }
  }
  return {
    call(call, done) {
      const refused = refusal('serve/not-active', 'Cannot take the call')
      if (refused !== undefined) done(refused)
      else caller.call(call, (answer) => done(refusal('serve/left-service', 'Cannot vouch for the answer') ?? answer))
    },
  }
}
