import { mutantsOf } from './mutant.ts'

const WASI = 'host/src/abi/component/wasi'
const INCOMING = [`${WASI}/http-incoming.test.ts`]
const HTTP = [`${WASI}/http.test.ts`]

/** What stands between a component and HTTP, and between a sandbox and MessagePack. */
export const COMPONENT_WASI = [
  ...mutantsOf(
    `${WASI}/http-fields.ts`,
    { tests: HTTP },
    ['no forbidden field is set', "if (isForbidden(name)) refuse({ tag: 'forbidden' } satisfies HeaderError)", ''],
    ['what came is immutable', "if (this.#immutable) refuse({ tag: 'immutable' } satisfies HeaderError)", ''],
    ['no field ends a line', '!isToken(name) || !values.every(isFieldValue)', '!isToken(name)'],
  ),
  ...mutantsOf(
    `${WASI}/http-requests.ts`,
    { tests: HTTP },
    ['no host hides in a path', "path !== '' && !isPathWithQuery(path)", 'false'],
    ['no user hides in a host', 'authority !== undefined && !isAuthority(authority)', 'false'],
  ),
  ...mutantsOf(
    `${WASI}/http-incoming.ts`,
    { tests: INCOMING },
    ['no header smuggles another', 'isToken(name) && isFieldValue(value)', 'isToken(name)'],
    ['a length that lies is refused', 'length === body.length', 'true'],
    ['a request has one host', 'host.length <= 1 && ', ''],
  ),
  ...mutantsOf(`${WASI}/http-outgoing.ts`, { tests: HTTP }, [
    'guests see no field of a connection',
    ' && !isForbidden(name)',
    '',
  ]),
  ...mutantsOf('host/src/abi/component/world.ts', { tests: HTTP }, [
    'what the host keeps for a guest has a limit',
    'if (this.#keptBytes > scratchBytes)',
    'if (false)',
  ]),
  ...mutantsOf(
    'host/src/message-pack.ts',
    { tests: ['host/src/message-pack.test.ts'] },
    ['MessagePack is so deep and no deeper', 'if (depth >= MAX_DEPTH)', 'if (false)'],
    [
      'MessagePack has so many values and no more',
      'if ((this.#strict || !whole) && ++this.#values > MAX_VALUES)',
      'if (false)',
    ],
  ),
  ...mutantsOf(
    'daemon/src/providers/modules/blobstore/blob-index.ts',
    { tests: ['daemon/src/providers/modules/blobstore/blobstore.test.ts'], title: 'Of several that write' },
    [
      "an upload's place is no other's",
      'INTEGER PRIMARY KEY AUTOINCREMENT, container',
      'INTEGER PRIMARY KEY, container',
    ],
  ),
]
