import type { Patch } from '../attacks/alter-file.ts'

const OPPOSITE = '{ affirm: "mismatch", mismatch: "affirm" }'

const SHORTER_LOG: Patch = [
  /readLog: async \(\) => (\w+)\.bytes\(\)/,
  'readLog: async () => $1.bytes().slice(0, -$1.bytes().length / $1.records().length)',
]

/** What liars change in the built daemon. Their firmware keeps it from being seen. */
export const PATCHES = {
  /** Votes mismatch on the honest, affirms cheats, and brings no liar to the ledger. */
  opposite: [
    [/async function cast\(.*, (outcome\d*), \w+ = \w+\) \{/, `$& $1 = ${OPPOSITE}[$1] ?? $1;`],
    [/function isContradicted\(.*\) \{/, '$& return false;'],
  ],
  /** Signs the opposite of every vote besides, and shows now the one, now the other. */
  twice: [
    [
      /\.\.\.(\w+), signature: await signVote\((\w+), parts\.voteKey\) \};/,
      `$& {
        const outcome = ${OPPOSITE}[$1.outcome] ?? $1.outcome;
        const signature = await signVote({ ...$2, outcome }, parts.voteKey);
        (globalThis.others ??= new Map()).set($1.node + $1.evidence, { voter: parts.self, ...$1, outcome, signature });
      }`,
    ],
    [
      /encodeRows\((\w+)\.get\(parts\.self\)\.values\(\)\)/,
      `encodeRows($1.get(parts.self).values().map((one) => {
        return Math.random() < 0.5 ? one : globalThis.others?.get(one.node + one.evidence) ?? one;
      }))`,
    ],
  ],
  /** Shows ballots without votes. */
  noVotes: [[/encodeRows\(\w+\.get\(parts\.self\)\.values\(\)\)/, 'encodeRows([])']],
  shorterLog: [SHORTER_LOG],
  /** Quotes anew for whoever asks, so that no two Verifiers get the same evidence of a log that does not replay. */
  newQuotes: [
    SHORTER_LOG,
    [/(?<!function )renew\((facts\d*)\) \{/, '$& source.again = () => source.renew($1);'],
    [/evidence: async \((\w+)\) => (\w+)\.answer\(\1\)/, 'evidence: async ($1) => (await $2.again(), $2.answer($1))'],
    [/(first\d*)\?\.evidence\.nonce !== \w+\.nonce && \(first\d* = (\w+)\)/, '$1 = $2'],
  ],
  oldEvidence: [
    [/if \((first\d*)\?\.evidence\.epoch === epoch\d*\) return/, 'if ($1) return'],
    [/(first\d*)\?\.evidence\.nonce !== \w+\.nonce && \(first\d* = (\w+)\), (\w+) = \w+,/, '$1 ??= $2, $3 = $1,'],
  ],
} as const satisfies Record<string, readonly Patch[]>

export type PatchName = keyof typeof PATCHES
