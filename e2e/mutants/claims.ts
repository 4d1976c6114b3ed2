import { mutantsOf } from './mutant.ts'

const EMBEDDED = { tests: ['host/src/claims/embedded.test.ts'] }
const RIGHTS = { tests: ['host/src/claims/rights.test.ts'] }
const MANIFESTS = { tests: ['daemon/src/provision/manifests.test.ts'] }

/** Claims of modules, rights, and the manifests of apps. */
export const CLAIMS = [
  ...mutantsOf(
    'host/src/claims/embedded.ts',
    EMBEDDED,
    ['claims are signed by their issuer', 'if (!isSigned(claims.issuer, signed, signature))', 'if (false)'],
    ['claims are of this very module', 'if (found !== hash)', 'if (false)'],
    ['claims expire', 'expiresAt !== undefined && now >= expiresAt', 'false'],
    ['claims do not begin early', 'notBefore !== undefined && now < notBefore', 'false'],
    ['claims stand once', 'if (others.length > 0)', 'if (false)'],
    ['claims name their algorithm', "header['typ'] !== 'jwt' || header['alg'] !== 'Ed25519'", 'false'],
  ),
  ...mutantsOf('host/src/claims/nkey.ts', EMBEDDED, [
    'a key as text has a checksum',
    ' || bytes.readUInt16LE(body.length) !== crc16(body)',
    '',
  ]),
  ...mutantsOf(
    'host/src/claims/rights.ts',
    RIGHTS,
    ['a right takes a grant', 'if (!has(granted))', 'if (false)'],
    ['a right takes a claim', 'claimed !== undefined && !has(claimed)', 'false'],
    ['a right takes a binding', 'if (found !== undefined) return { binding: found }', 'return { binding: found! }'],
  ),
  ...mutantsOf('host/src/actor-host.ts', { tests: ['host/src/claims/claimed-actors.test.ts'] }, [
    'the host reads the claims of what it loads',
    'claims: claims?.capabilities, bindings',
    'claims: undefined, bindings',
  ]),
  ...mutantsOf(
    'daemon/src/provision/manifests.ts',
    { ...MANIFESTS, title: 'a manifest' },
    ["a stranger's manifest does not apply", 'entry.publisher === publisher && ', ''],
    ['the first manifest on the ledger applies', '.sort((a, b) => a.place - b.place)', ''],
  ),
  ...mutantsOf(
    'daemon/src/provision/manifests.ts',
    { ...MANIFESTS, title: 'an actor' },
    [
      'a node below the floor runs no actor of the app',
      'if (levels.indexOf(found) >= levels.indexOf(least)) return',
      'return',
    ],
    ['an actor older than its manifest asks is not run', 'if (version >= actor.minVersion) return', 'return'],
  ),
  ...mutantsOf('daemon/src/provision/provisioner.ts', { ...MANIFESTS, title: 'that nobody has keeps' }, [
    'an actor waits for the manifests of its publisher',
    'kind !== EntryKind.actor || lacks === undefined',
    'true',
  ]),
  ...mutantsOf('daemon/src/provision/loaders.ts', { ...MANIFESTS, title: 'under another name than its own' }, [
    'a manifest has the name that the ledger gives it',
    'if (MANIFEST_PREFIX + manifest.name === entry.name) return manifest',
    'return manifest',
  ]),
]
