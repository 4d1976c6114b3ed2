import type { Entry, LedgerFacts } from '@teapot-network/trust'

/** What receipts cite, and what has to be in it. */
export interface CitationParts<Made> {
  /** Appends, syncs, extends. @returns whether anything was measured */
  measure(entry: Entry): Promise<boolean>
  /** The newest evidence, undefined before the first quote. */
  evidence: { current(): Made | undefined; renew(facts: LedgerFacts): Promise<Made> }
  /** Appraises evidence, and cites it from then on. */
  cite(made: Made, facts: LedgerFacts): Promise<void>
}

/** Keeps what receipts cite newer than whatever was loaded: a receipt cites evidence that holds its actor (spec/proof.md). */
export interface Citation<Made> {
  /** Measures; where evidence is cited already, quotes anew, so that what is loaded next is in it. */
  measure(entry: Entry, facts: LedgerFacts | undefined): Promise<void>
  /** Quotes anew and cites that. */
  renew(facts: LedgerFacts): Promise<Made>
}

export function createCitation<Made>({ measure, evidence, cite }: CitationParts<Made>): Citation<Made> {
  /** How many entries were measured, and how many of them are in what is cited. */
  let [measured, cited] = [0, 0]
  let turn: Promise<unknown> = Promise.resolve()

  async function quote(facts: LedgerFacts): Promise<Made> {
    const before = measured
    const made = await evidence.renew(facts)
    await cite(made, facts)
    cited = before
    return made
  }

  /** One after the other: an older quote whose appraisal took longer must not be cited after a newer one. */
  function renew(facts: LedgerFacts): Promise<Made> {
    const next = turn.then(() => quote(facts))
    turn = next.catch(() => {})
    return next
  }

  return {
    renew,
    async measure(entry, facts) {
      if (await measure(entry)) measured++
      if (cited < measured && facts && evidence.current()) await renew(facts)
    },
  }
}
