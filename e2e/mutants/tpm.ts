import { mutantsOf } from './mutant.ts'

const SEALED = { tests: ['daemon/src/tpm/sealed-secret.test.ts'] }

/** What a box asks of its TPM, and of the processor. */
export const TPM = [
  ...mutantsOf(
    'daemon/src/tpm/sealed-secret.ts',
    SEALED,
    ['the TPM vouches for who sealed a secret', 'await checkCreation(connection, object, blob).catch(asRefused)', ''],
    [
      'who sealed a secret is who it says',
      'if (!equalBytes(blob.creation.subarray(0, made.length), made))',
      'if (false)',
    ],
  ),
  ...mutantsOf(
    'daemon/src/tpm/sealed-key.ts',
    SEALED,
    ['a sealed key is of an approved release', '[own, ...approved(facts)].includes(found.by) && ', ''],
    [
      'a superseded release is approved no more for sealed keys',
      "...having(facts, 'grace')]",
      "...having(facts, 'grace'), ...having(facts, 'superseded')]",
    ],
    [
      'a sealed key that a revoked release could open is replaced',
      'tainted(kept, now) ? randomBytes(KEY_BYTES) : kept.secret',
      'kept.secret',
    ],
    ['a revoked release seals no key', "if (having(now, 'revoked').includes(own)) return", ''],
  ),
  ...mutantsOf('daemon/src/tpm/templates.ts', SEALED, [
    'a sealed secret has no password',
    'u32(0x00000492)',
    'u32(0x000004d2)',
  ]),
  ...mutantsOf('daemon/src/tpm/tpm.ts', { tests: ['daemon/src/tpm/tpm.test.ts'], title: 'restarted' }, [
    'a TPM Restart is another boot',
    'const boot = bootOf(await readClock(fresh, signal))',
    'const boot = (await readClock(fresh, signal)).resetCount',
  ]),
  ...mutantsOf('daemon/src/tpm/pcrs.ts', { tests: ['daemon/src/tpm/attester.test.ts'], title: 'covers its values' }, [
    'the PCR values shown are those quoted',
    'if (equalBytes(quotedDigest(quoted.attest), sha256(concatBytes(...values.map(([, value]) => value))))) {',
    'if (quotedDigest(quoted.attest)) {',
  ]),
  ...mutantsOf('daemon/src/collect/configfs-tsm.ts', { tests: ['daemon/src/collect/configfs-tsm.test.ts'] }, [
    'a report that others wrote to is not taken',
    "if (Number(await text(folder, 'generation')) !== before + (snp ? 2 : 1)) {",
    'if (false) {',
  ]),
  ...mutantsOf('daemon/src/tpm/weak-rsa.ts', { tests: ['daemon/src/tpm/make-credential.test.ts'] }, [
    'an EK that can be factored is not taken',
    'if (power !== rest) return false',
    'return false',
  ]),
  ...mutantsOf('daemon/src/tpm/log-number.ts', { tests: ['daemon/src/tpm/attester.test.ts'], title: 'log number' }, [
    'the log number is one that cannot be set back',
    'if ((attributes & NV.type) === NV.counter) return',
    'if (attributes) return',
  ]),
  ...mutantsOf(
    'trust/src/ek.ts',
    { tests: ['trust/src/ek.test.ts'] },
    ['a certificate that the policy revokes is not taken', 'if (revoked) return', 'if (false) return'],
    [
      'an EK has one digest, whoever signs its certificate anew',
      'known(digestOf(certificate), () => keyDigest(parseCertificate(certificate)))',
      'digestOf(certificate)',
    ],
  ),
  ...mutantsOf('trust/src/certificate-chain.ts', { tests: ['trust/src/ek.test.ts'] }, [
    'the numbers of a signature do not overlap',
    'half.set(number, size - number.length)',
    'raw.set(number, half.byteOffset - raw.byteOffset + size - number.length)',
  ]),
]
