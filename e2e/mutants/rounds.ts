import { mutantsOf } from './mutant.ts'

const attest = (name: string) => `daemon/src/attest/${name}`
const testedBy = (name: string) => ({ tests: [attest(`${name}.test.ts`)] })
const SIMULATION = { tests: ['e2e/sim/rounds.test.ts'] }

/** What keeps a cartel, a silent cheat and a hasty reporter from bending the rounds. */
export const ROUNDS = [
  ...mutantsOf(
    attest('durable-json.ts'),
    testedBy('vote-book'),
    ['a vote is on disk before it is shown', 'return saved', 'return Promise.resolve()'],
    [
      'notes that cannot be read are not begun anew',
      "if ((cause as NodeJS.ErrnoException).code === 'ENOENT')",
      'if (true)',
    ],
  ),
  ...mutantsOf(
    attest('vote-book.ts'),
    testedBy('vote-book'),
    ['votes are of one network', 'book.value.attestation === attestation ?', 'true ?'],
    ['a ledger that goes back brings no second vote', '...others.slice(1 - KEPT_EPOCHS), ', ''],
  ),
  ...mutantsOf(
    attest('rounds.ts'),
    testedBy('rounds'),
    ['a quote that failed is tried again', "current.begun.delete('show')\n      throw", 'throw'],
    ['an epoch that is opened again is quoted for again', ' && known.seed === seed', ''],
  ),
  ...mutantsOf(
    attest('duties.ts'),
    testedBy('duties'),
    [
      'whoever keeps its votes to itself is noticed',
      'if (!could || !past.there.has(node)) return undefined',
      'return undefined',
    ],
    ['who was away is not blamed twice', ' || !past.there.has(node)', ''],
    ['where nobody could vote nobody is blamed', '!could || ', ''],
  ),
  ...mutantsOf(
    attest('judging.ts'),
    testedBy('judging'),
    [
      'who cannot judge holds nothing against anybody',
      "['attest/no-policy', 'attest/no-voting-rule']",
      "['attest/no-voting-rule']",
    ],
    ['who is silent too often is voted silent', 'parts.attendance.missed(subject.id) ?? ', ''],
    ['a crowd at the door keeps no member waiting', 'owesEvidence(subject) ? look() : ', ''],
  ),
  ...mutantsOf(
    attest('attendance.ts'),
    testedBy('attendance'),
    ['who falls silent again and again waits ever longer', '2 ** (times - 1)', '1'],
    ['who misses every other epoch is found out', 'if (length < MISSED_EPOCHS) return undefined', 'return undefined'],
  ),
  ...mutantsOf(
    attest('checkpoint-book.ts'),
    testedBy('checkpoint-book'),
    ['a log continues what was seen of it', 'return verifyConsistency(', 'return true || verifyConsistency('],
    [
      'all that others were shown of a log counts',
      'if (isNew && pages.length < MOST_PAGES)',
      'if (pages.length === 0)',
    ],
    ['a log number never falls', 'return now.log > known.log', 'return true'],
    ['what was seen of a log outlives the process', '=> book.save(', '=> void ('],
    ['what is learnt while a node proves counts', 'page = next()) {', 'page = undefined) {'],
  ),
  ...mutantsOf(
    attest('witnesses.ts'),
    testedBy('witnesses'),
    [
      'old evidence does not show that a node was there',
      'if (parseEvidence(body).nonce === epochNonce(seed, number, id))',
      'if (true)',
    ],
    ['who was away asks for what others know of a log', '= past ?? now', '= past!'],
  ),
  ...mutantsOf(
    attest('beacon.ts'),
    testedBy('beacon'),
    ['a secret is on disk before its commitment leaves', 'await secrets.save', 'void secrets.save'],
    ['a restart commits to the same secret', 'secretOf(epoch) ?? ', ''],
  ),
  ...mutantsOf(
    attest('activation-gate.ts'),
    testedBy('activation-gate'),
    ['only Verifiers have a TPM activate', 'entitled(facts).find(', 'facts.nodes.find('],
    [
      'an activation is signed by who asks for it',
      ' && (await verifyEs256(fromHex(verifier.voteKey), head, signature))',
      '',
    ],
    ['one Verifier takes one place', 'if (asking.has(request.asker)) throw busy()', ''],
  ),
  ...mutantsOf(
    attest('log-suffix.ts'),
    testedBy('peer-verifier'),
    ['the rest of a log begins where memory ends', 'if (size !== held.bytes.length)', 'if (false)'],
    ['what is remembered of logs is bounded', 'if (heldBytes > limitBytes) memories.delete(one)', ''],
  ),
  ...mutantsOf(
    attest('ballot.ts'),
    testedBy('ballot'),
    ['a bulky ballot keeps nobody’s out', 'heard].sort((a, b) => a.rows.length - b.rows.length)', 'heard]'],
    ['an answer fits into a frame', 'return left >= 0', 'return true'],
  ),
  ...mutantsOf(
    attest('peer-verifier.ts'),
    testedBy('peer-verifier'),
    ['nothing is held against a node on memory', "if (verdict.outcome !== 'affirm' && memory)", 'if (false)'],
    ['who is affirmed shows a log that continues', 'await parts.checkpoints.extend(', 'void ('],
  ),
  ...mutantsOf(
    attest('gathering.ts'),
    testedBy('gathering'),
    ['a ballot is its voter’s', 'if (!(await verifyBallot(', 'if (false && !(await verifyBallot('],
    ['a vote is its voter’s', 'if (await verifyVote(', 'if (true || await verifyVote('],
    ['evidence that is voted on can be had', 'if (!problem) return [vote]', 'return [vote]'],
    [
      'evidence is of the node and epoch that are voted on',
      'if (seen.node !== vote.node || !seen.genuine)',
      'if (false)',
    ],
    ['evidence shows what the vote says', 'seen.quote === vote.quote ?', 'true ?'],
    ['a ballot is bounded', 'if (!fitsNodes(ballot, facts.nodes.length)) return', ''],
    ['who is not entitled is not heard', 'entitled(facts).find(', 'facts.nodes.find('],
    ['the fuller of two ballots is passed on', 'if ((known()?.rows.length ?? 0) <= ballot.rows.length) ', ''],
    ['votes are on nodes', '.filter(({ node }) => nodes.has(node))', ''],
    ['few ballots close no epoch', ' && !hasMostBallots(round)', ' && false'],
    [
      'one that is mute holds up no report',
      'while (waits && !signal.aborted && !hasMostBallots(round))',
      'while (waits)',
    ],
    ['only what could count is looked for', ' && assigned(round.ledger, node).includes(voter))', ')'],
  ),
  ...mutantsOf(
    attest('tally.ts'),
    testedBy('tally'),
    ['only the assigned vote', ' && assigned(ledger, vote.node).includes(vote.voter)', ''],
    [
      'two thirds are needed',
      'group.length > 0 && group.length >= votesNeeded(ledger, group[0]!.node)',
      'group.length > 0',
    ],
    ['mismatches add up whatever evidence they name', "vote.outcome === 'mismatch' ?", 'false ?'],
  ),
  ...mutantsOf(
    attest('reporting.ts'),
    testedBy('reporting'),
    ['a crowd goes to the ledger in parts', 'CHANGES_AT_ONCE = 48', 'CHANGES_AT_ONCE = 4_800'],
    ['who has a standing to lose comes first', 'Number(standing.has(b.node)) - Number(standing.has(a.node))', '0'],
    ['a peer that does not answer holds up no report', 'await gatherSoon(round', 'await gather(round'],
  ),
  ...mutantsOf(attest('reporting.ts'), SIMULATION, [
    'what a report left out is brought',
    'if (leftOut().length === 0 ||',
    'if (true ||',
  ]),
  ...mutantsOf(
    attest('disputes.ts'),
    testedBy('disputes'),
    ['a false vote is disputed', 'seen.quote === quote &&', 'false &&'],
    ['what proves nothing is brought once', "if (end === 'undecided') drop(", "if (end === 'undecided') void ("],
  ),
]
