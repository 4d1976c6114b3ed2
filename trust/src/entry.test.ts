import { describe, expect, it } from 'vitest'
import { ENTRY_BYTES } from './entry.ts'
import {
  digestOf,
  type Entry,
  EntryKind,
  encodeEntry,
  encodeGrants,
  entryDigest,
  kindName,
  parseEntry,
  toHex,
  utf8,
} from './index.ts'
import { promiseParser } from './parser.behavior.ts'

const entry: Entry = {
  kind: EntryKind.actor,
  name: 'hello',
  sha256: digestOf(utf8('bytes')),
  grants: encodeGrants(['kv.read']),
}

describe('a measured entry', () => {
  promiseParser(parseEntry, { valid: encodeEntry(entry), codes: ['entry/malformed'] })

  it('has 105 bytes that tell its kind, and its name, bytes and grants by digest', () => {
    expect(encodeEntry(entry)).toHaveLength(ENTRY_BYTES)
    expect(parseEntry(encodeEntry(entry))).toEqual({
      kind: 3,
      nameHash: digestOf(utf8('hello')),
      sha256: entry.sha256,
      grantsDigest: digestOf(entry.grants),
    })
  })
  it('has the digest that the ledger computes', () => {
    expect(entryDigest({ ...entry, sha256: toHex(new Uint8Array(32).fill(0x11)), grants: new Uint8Array() })).toBe(
      '0xce34f22c1dd05d93719b389be3ae963c10ad62f1e1e0fbf087ab690710db3031',
    )
  })
  it('differs when anything about it differs', () => {
    const digests = [
      entry,
      { ...entry, kind: EntryKind.provider },
      { ...entry, name: 'hello2' },
      { ...entry, sha256: digestOf(utf8('other')) },
      { ...entry, grants: new Uint8Array() },
    ].map(entryDigest)
    expect(new Set(digests).size).toBe(digests.length)
  })
  it('is never a page, nor of a kind without a name', () => {
    for (const kind of [0, 6, 7]) {
      const content = encodeEntry(entry)
      content[8] = kind
      expect(() => parseEntry(content)).toThrow(expect.objectContaining({ code: 'entry/malformed' }))
    }
  })
  it('is named by its kind', () => {
    expect([1, 2, 3, 4, 5, 6, 9].map(kindName)).toEqual([
      'launcher',
      'runtime',
      'actor',
      'provider',
      'policy',
      'page',
      'kind 9',
    ])
  })
})
