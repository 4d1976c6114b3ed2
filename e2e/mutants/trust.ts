import { mutantsOf } from './mutant.ts'

const SILENCE = 'trust/src/appraise/silence.test.ts'
const MEASUREMENTS = 'trust/src/appraise/measurements.test.ts'
const APPRAISAL = { tests: ['trust/src/appraise.test.ts', SILENCE, MEASUREMENTS] }

/** What a Verifier and a sceptic check. */
export const TRUST = [
  ...mutantsOf(
    'trust/src/appraise/quote.ts',
    { tests: [SILENCE] },
    ['the nonce is the one expected', 'evidence.nonce === expected.nonce', 'true'],
    ['the epoch is this one', 'evidence.epoch === facts.epoch.number', 'true'],
    ['the chain and registry are ours', 'chain.id === facts.chainId && chain.registry === facts.registry', 'true'],
    [
      'the quote is signed by the AK',
      "check(id, title, holds, { ...failure, found: 'one that",
      "check(id, title, true, { ...failure, found: 'one that",
    ],
    ['the qualifying data binds the evidence', 'found === binding', 'true'],
    ['the PCR selection is R and C', 'covers === `SHA-256: ${wanted}` && given === wanted', 'true'],
    ['the PCR digest is over the values', 'toHex(pcrDigest) === over', 'true'],
    ['the block is on this chain', 'known === hash', 'true'],
    ['the peer dialled holds the quoted key', 'evidence.keys.peer === peerKey', 'true'],
  ),
  ...mutantsOf(
    'trust/src/appraise/identity.ts',
    { tests: [SILENCE] },
    ['the node is the one asked', 'evidence.node === expectedNode', 'true'],
    [
      'the AK has the template of a restricted key',
      'check(id, title, ak.ak !== undefined, ',
      'check(id, title, true, ',
    ],
    ["the node id is the AK Name's digest", 'id === evidence.node', 'true'],
    ['the AK is the registered one', 'x === record.akX && y === record.akY', 'true'],
    ['the operator is the registered one', 'evidence.operator === record.operator', 'true'],
  ),
  ...mutantsOf(
    'trust/src/appraise/endorsement.ts',
    { tests: [SILENCE] },
    ['the EK certificate is the registered one', 'found === record.ekDigest', 'true'],
    ['the EK chain holds', 'if (!problem) return pass(id, title)', 'return pass(id, title)'],
  ),
  ...mutantsOf(
    'trust/src/certificate-chain.ts',
    { tests: ['trust/src/ek.test.ts'] },
    ['each certificate is signed by its issuer', 'if (!(await signatureHolds(subject, issuer.key)))', 'if (false)'],
    ['an issuer is a CA', 'if (!issuer.isCa)', 'if (false)'],
    ['a chain ends with its validity', 'at >= notBefore && at <= notAfter', 'at >= notBefore'],
  ),
  ...mutantsOf('trust/src/ek.ts', { tests: ['trust/src/ek.test.ts', SILENCE] }, [
    'a root counts for its evidence type alone',
    'policy.ekRoots.filter(([rootType]) => rootType === type)',
    'policy.ekRoots',
  ]),
  ...mutantsOf(
    'trust/src/appraise.ts',
    APPRAISAL,
    ['the policy names the evidence types', 'policy.types.includes(evidence.type)', 'true'],
    ['facts that are stale are not relied on', 'block.timestamp <= expires', 'true'],
    [
      'staleness is no fault of the node',
      "{ tier: 'none', outcome: 'affirm', reason }",
      "{ tier: 'none', outcome: 'silence', reason }",
    ],
    [
      'a mismatch outweighs what else failed',
      "failed.find(({ outcome }) => outcome === 'mismatch') ?? failed[0]",
      'failed[0]',
    ],
  ),
  ...mutantsOf(
    'trust/src/appraise/beneath.ts',
    { tests: ['trust/src/appraise/beneath.test.ts'] },
    [
      'simulated evidence is worth nothing',
      "if (evidence.type === 'tpm-simulated') return { weighed",
      'if (false) return { weighed',
    ],
    [
      "an enclave's report is of this quote",
      'await teeReportData(evidence, qualifyingData(evidence))',
      'new Uint8Array(64)',
    ],
  ),
  ...mutantsOf(
    'trust/src/event-log.ts',
    { tests: ['trust/src/event-log.test.ts', 'trust/src/appraise.test.ts'] },
    ['a log record has the digest of its content', '!equalBytes(sha256(record.content), record.digest)', 'false'],
    [
      'what is known of a log is of its beginning',
      'log.length >= bytes.length && equalBytes(log.subarray(0, bytes.length), bytes)',
      'log.length >= bytes.length',
    ],
    ['a quote of less than is known is found', 'if (count < 0 && replayed > 0)', 'if (false)'],
    ['the log replays to R', 'standsAt(c, 0, wantC) && standsAt(r, 0, wantR)', 'standsAt(c, 0, wantC)'],
    ['the log replays to C', 'standsAt(c, 0, wantC) && standsAt(r, 0, wantR)', 'standsAt(r, 0, wantR)'],
    ['log records are numbered without gaps', 'readHead(cursor, 0) !== recnum', 'readHead(cursor, 0) < 0'],
  ),
  ...mutantsOf(
    'trust/src/appraise/measurements.ts',
    { tests: [MEASUREMENTS] },
    [
      'a value of R never registered is a mismatch',
      "fix: 'install a registered release and reboot',\n    })\n    return { ...MISMATCH, reason }",
      "fix: 'install a registered release and reboot',\n    })\n    return { ...OUTDATED, reason }",
    ],
    [
      'what was measured was held by the ledger',
      'item?.passed ?? unheld(record, item, index)',
      "item?.passed ?? pass('provisioned/entry', describe(record, index))",
    ],
    [
      'the last provider and policy are current',
      "const current = entry.status === 'current' || entry.status === 'grace'",
      'const current = true',
    ],
    [
      'the release is current',
      "const current = value.status === 'current' || value.status === 'grace'",
      'const current = true',
    ],
  ),
  ...mutantsOf(
    'trust/src/appraise/ledger-index.ts',
    APPRAISAL,
    ['what was published but never approved is not held', ".filter((entry) => entry.status !== 'published')", ''],
    ['a digest that was seen before stands for the same bytes', '!known || !isNext(known.view, log)', '!known'],
    ['what was seen before ends within the log', 'if (at + last + 4 > view.byteLength) return false', ''],
    ['a log may end within a digest', 'at + 4 <= log.bytes.length && ', ''],
    [
      'an entry that was seen in R is not one of C',
      'for (let i = 0; i < last; i += 4) if',
      'for (let i = 4; i < last; i += 4) if',
    ],
    ['only what is provisioned may stand in C', 'PROVISIONED.includes(entry.kind) ?', 'true ?'],
    ['of two versions with the same bytes the later counts', 'new Map(held.map(', 'new Map(held.toReversed().map('],
  ),
  ...mutantsOf('trust/src/policy.ts', { tests: ['trust/src/policy.test.ts'] }, [
    'freshness ends',
    'freshSeconds < 1 || freshSeconds > MAX_FRESH_SECONDS',
    'freshSeconds < 1',
  ]),
  ...mutantsOf('trust/src/ear.ts', { tests: ['trust/src/ear.test.ts'] }, [
    'good digests on a chain that nobody appraised claim nothing',
    "assurance.integrity === 'none' ? 0 :",
    'false ? 0 :',
  ]),
  ...mutantsOf(
    'daemon/src/voting-rule.ts',
    { tests: ['e2e/voting-rule.test.ts'] },
    [
      'the voting rule makes no other vote',
      "if (said === facts.outcome || said === 'silence') return said",
      'if (said !== undefined) return said as Outcome',
    ],
    ['the voting rule holds no capability', 'if (rule.grants.length > 0)', 'if (false)'],
  ),
  ...mutantsOf(
    'trust/src/entry.ts',
    { tests: ['trust/src/entry.test.ts'] },
    ['the entry commits to its grants', 'sha256(entry.grants)', 'sha256(new Uint8Array())'],
    ['the entry commits to its name', 'sha256(utf8(entry.name))', "sha256(utf8(''))"],
  ),
  ...mutantsOf('trust/src/grants.ts', { tests: ['trust/src/grants.test.ts'] }, [
    'grants stand in one order, without repeats',
    'bytewise(capabilities[i - 1]!, item) >= 0',
    'false',
  ]),
  ...mutantsOf(
    'trust/src/vote.ts',
    { tests: ['trust/src/vote.test.ts'] },
    [
      "a vote is signed by the voter's key",
      'return await crypto.subtle.verify(ES256, key, copy(signature), said)',
      'return true',
    ],
    ['a vote has one signature, of low s', 'if (BigInt(`0x${signature.slice(66)}`) > ORDER / 2n) return false', ''],
  ),
]
