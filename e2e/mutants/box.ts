import { mutantsOf } from './mutant.ts'

/** What a box checks: of actors, of requests, of votes. */
export const BOX = [
  ...mutantsOf('daemon/src/serve/sealing.ts', { tests: ['daemon/src/serve/sealing.test.ts'] }, [
    'a request is sealed to this very run and evidence',
    'if (sealed.run !== run || !knows(sealed.evidence))',
    'if (false)',
  ]),
  ...mutantsOf(
    'daemon/src/boot/event-log.ts',
    { tests: ['daemon/src/boot/event-log.test.ts'] },
    ['a log that the PCRs contradict is refused', 'throw mismatch(this.#records, pcrs)', ''],
    [
      'an entry is appended before it is extended',
      'await this.#append(encodeLogRecord(this.#records.length, pcr, content))',
      '',
    ],
  ),
  ...mutantsOf(
    'daemon/src/attest/enrolment.ts',
    { tests: ['daemon/src/attest/enrolment.test.ts'] },
    ['an AK is shown to live beside its EK', 'if (!equalBytes(body, secret))', 'if (false)'],
    ['an enrolment is of one EK certificate', 'done.get(node.id) === node.ekDigest', 'done.has(node.id)'],
  ),
  ...mutantsOf('daemon/src/provision/provisioner.ts', { tests: ['daemon/src/provision/provisioner.test.ts'] }, [
    'what is loaded is what the ledger names',
    'if (found !== entry.sha256)',
    'if (false)',
  ]),
  ...mutantsOf(
    'daemon/src/provision/citation.ts',
    { tests: ['daemon/src/provision/citation.test.ts'] },
    ['an older quote is not cited after a newer one', 'turn.then(() => quote(facts))', 'quote(facts)'],
    ['what was measured since is not taken for quoted', 'cited = before', 'cited = measured'],
  ),
  ...mutantsOf('daemon/src/boot/image.ts', { tests: ['daemon/src/boot/launcher.test.ts'], title: 'lies elsewhere' }, [
    'Node is not run by a link that may lead elsewhere later',
    'constants.O_RDONLY | constants.O_NOFOLLOW',
    'constants.O_RDONLY',
  ]),
  ...mutantsOf('daemon/src/provision/accept-block.ts', { tests: ['daemon/src/provision/provisioner.test.ts'] }, [
    'a publisher brings only what the ledger names',
    'if (!entry)',
    'if (false)',
  ]),
  ...mutantsOf(
    'daemon/src/provision/accept-block.ts',
    { tests: ['daemon/src/provision/provisioner.test.ts'], title: 'leave room' },
    ['what nobody approved is not pinned', "entry.kind !== EntryKind.page && entry.status !== 'published'", 'true'],
  ),
]
