/** A provider whose bytes were checked against the ledger and measured. */
export interface ProviderImage {
  /** Its name on the ledger: lower case, digits, dots and dashes; names its data directory. */
  readonly name: string
  readonly version: number
  /** What identifies the bytes (their SHA-256 as hex). */
  readonly digest: string
  /** The module, bundled: what it imports is Node's own. */
  readonly bytes: Uint8Array
  /** Its grants on the ledger: what its process is given (spec/host.md §6.2). */
  readonly grants: readonly string[]
}
