/** A provider module whose bytes were checked against the ledger and measured, in a file that nobody else writes. */
export interface ProviderImage {
  /** Its name on the ledger: lower case, digits, dots and dashes; names its data directory. */
  readonly name: string
  readonly version: number
  /** What identifies the bytes (their SHA-256 as hex). */
  readonly digest: string
  readonly modulePath: string
  /** Its grants on the ledger: what its process is given (spec/host.md §6.2). */
  readonly grants: readonly string[]
}
