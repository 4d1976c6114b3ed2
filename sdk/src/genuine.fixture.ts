import { readFileSync } from 'node:fs'
import { type Evidence, type LedgerFacts, parseEvidence, parsePolicy } from '@teapot-network/trust'
import type { PolicyDocument } from './attest.ts'
import type { FactsSource } from './facts.ts'

/** Genuine evidence of a software TPM with the ledger facts that it was made against: trust's own vectors. */
const vectors = JSON.parse(
  readFileSync(new URL('../vectors/swtpm.json', import.meta.resolve('@teapot-network/trust')), 'utf8'),
) as { evidence: string; policy: string; facts: LedgerFacts }

const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'))

export const genuine: { bytes: Uint8Array; evidence: Evidence; policy: PolicyDocument } = {
  bytes: fromBase64(vectors.evidence),
  evidence: parseEvidence(fromBase64(vectors.evidence)),
  policy: { bytes: fromBase64(vectors.policy), policy: parsePolicy(fromBase64(vectors.policy)) },
}

/** The genuine facts, the node Active and reachable under this URL. */
export function genuineFacts(url: string): LedgerFacts {
  const facts = structuredClone(vectors.facts)
  for (const node of facts.nodes) Object.assign(node, { status: 'active', contact: JSON.stringify({ http: url }) })
  return facts
}

/** A ledger that says what `facts` says at the moment. */
export function ledgerOf(facts: () => LedgerFacts, past: ReadonlyMap<number, LedgerFacts> = new Map()): FactsSource {
  return {
    readFacts: async ({ block } = {}) => (block === undefined ? facts() : (past.get(block) ?? facts())),
    readBlock: async (number) => {
      const { block } = past.get(number) ?? facts()
      return block.number === number ? block : undefined
    },
    readEpochs: async () => [],
  }
}
