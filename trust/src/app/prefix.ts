/** What the ledger's name of a manifest begins with; it is an entry of kind policy (spec/host.md §7.3). */
export const MANIFEST_PREFIX = 'app/'
