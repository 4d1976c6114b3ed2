import { type NodeId, type ProofVerdict, TeapotError, type Verdict } from '@teapot-network/trust'

/** A node's evidence did not earn an affirming verdict; nothing was sent to it. */
export class EvidenceRefused extends TeapotError {
  readonly node: NodeId
  readonly verdict: Verdict

  constructor(node: NodeId, verdict: Verdict) {
    super('sdk/evidence-refused', `Cannot trust node ${node}: ${verdict.summary} Call another node.`)
    this.node = node
    this.verdict = verdict
  }
}

/** A result came with a proof that does not hold. */
export class ProofRefused extends TeapotError {
  readonly verdict: ProofVerdict

  constructor(verdict: ProofVerdict) {
    super('sdk/proof-refused', `Cannot rely on the proof: ${verdict.summary} Call another node.`)
    this.verdict = verdict
  }
}

/** No candidate served the call; `skipped` says why, node by node. Where all gave the same code, that is the code. */
export class NoNodeServed extends TeapotError {
  readonly skipped: readonly Skipped[]

  constructor(skipped: readonly Skipped[]) {
    const last = skipped.at(-1)
    const why = last === undefined ? 'the ledger calls no node Active' : last.failure.message
    const agreed = skipped.every(({ failure }) => failure.code === last?.failure.code)
    const code = last === undefined ? 'sdk/no-active-node' : agreed ? last.failure.code : 'sdk/no-node-served'
    super(code, `Cannot call: ${skipped.length} nodes tried, ${why}`, {
      kind:
        skipped.every(({ failure }) => failure.kind === 'refused') && last !== undefined ? 'refused' : 'unavailable',
      cause: last?.failure,
    })
    this.skipped = skipped
  }
}

/** A node that was passed over. */
export interface Skipped {
  node: NodeId
  failure: TeapotError
}
