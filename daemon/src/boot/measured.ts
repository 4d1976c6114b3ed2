import {
  type Entry,
  EntryKind,
  equalBytes,
  type LogRecord,
  PCR_C,
  PCR_R,
  parseEntry,
  TeapotError,
} from '@teapot-network/trust'

/**
 * Where an entry goes: launcher and runtime to R, all else to C.
 * @throws TeapotError `boot/not-measurable` for a page, which runs on no box
 */
export function pcrOf({ kind, name }: Pick<Entry, 'kind' | 'name'>): LogRecord['pcr'] {
  if (kind === EntryKind.launcher || kind === EntryKind.runtime) return PCR_R
  if (kind === EntryKind.actor || kind === EntryKind.provider || kind === EntryKind.policy) return PCR_C
  throw new TeapotError('boot/not-measurable', `Cannot measure ${name}: expected a kind from 1 to 5, found ${kind}`)
}

/**
 * Whether a content needs no measuring again in this boot (spec/launch.md §3): actors and the entries of R once each; a provider
 * or policy only while it is the last under its name, as the last one tells what serves.
 */
export function isMeasured(records: readonly LogRecord[], content: Uint8Array): boolean {
  const { kind, nameHash } = parseEntry(content)
  if (kind !== EntryKind.provider && kind !== EntryKind.policy) {
    return records.some((record) => equalBytes(record.content, content))
  }
  const last = records.findLast((record) => {
    const other = parseEntry(record.content)
    return other.kind === kind && other.nameHash === nameHash
  })
  return last !== undefined && equalBytes(last.content, content)
}
