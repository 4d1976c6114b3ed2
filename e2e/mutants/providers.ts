import { mutantsOf } from './mutant.ts'

const MODULES = 'daemon/src/providers/modules'
const SUPERVISOR = ['daemon/src/providers/supervisor.test.ts']
const HTTP = [`${MODULES}/http-client/http-client.test.ts`]
const KEYVALUE = [`${MODULES}/keyvalue/keyvalue.test.ts`]
const MESSAGING = [`${MODULES}/messaging/messaging.test.ts`]
const CONFIG = [`${MODULES}/config.test.ts`]

/** What providers check: what an actor may reach through them, and what they may do themselves. */
export const PROVIDERS = [
  ...mutantsOf(
    `${MODULES}/http-client/client.ts`,
    { tests: HTTP },
    ['an actor asks only origins that its binding allows', 'if (!allows(url)) throw notAllowed(url)', ''],
    [
      'a redirect leads to public addresses',
      'port, exceptions, signal)',
      'port, redirects > 0 ? () => true : exceptions)',
    ],
    [
      'credentials do not follow to another origin',
      'url.origin === request.url.origin ? request.headers : withoutCredentials(request.headers)',
      'request.headers',
    ],
  ),
  ...mutantsOf(`${MODULES}/http-client/exchange.ts`, { tests: HTTP, title: 'The address that was checked' }, [
    'what is connected to is the address that was checked',
    'lookup: only(addresses),',
    '',
  ]),
  ...mutantsOf(
    `${MODULES}/network/reachable.ts`,
    { tests: [`${MODULES}/network/network.test.ts`] },
    ['an address that is not public is refused', '!isPublicAddress(address) && !exceptions(address, port)', 'false'],
    [
      'an app alone does not open the network of the owner',
      'asked(address, port) && granted(address, port)',
      'asked(address, port)',
    ],
    [
      'a binding that does not ask gets no private address',
      'asked(address, port) && granted(address, port)',
      'granted(address, port)',
    ],
  ),
  ...mutantsOf(
    `${MODULES}/keyvalue/operations.ts`,
    { tests: KEYVALUE, title: 'Data of another actor' },
    ['keys of actors are kept apart', '? [actor, binding] : [actor,', "? ['', binding] : [actor,"],
    ['keys of bindings are kept apart', '? [actor, binding] : [actor,', "? [actor, ''] : [actor,"],
  ),
  ...mutantsOf(
    `${MODULES}/keyvalue/sqlite-store.ts`,
    { tests: KEYVALUE },
    ['a swap happens only from the value expected, on SQLite', 'if (same) put.run', 'put.run'],
    ['what an actor keeps is limited', 'if (bytes <= quotaBytes) return answer', 'if (bytes > 0) return answer'],
    ['what has expired holds up nobody', ' LIMIT ${MOST_PURGED}', ''],
  ),
  ...mutantsOf(`${MODULES}/keyvalue/read-budget.ts`, { tests: KEYVALUE, title: 'What is asked for many times over' }, [
    'an actor cannot end a provider by what it reads',
    'if (left < 0) throw tooMuch()',
    '',
  ]),
  ...mutantsOf(
    `${MODULES}/keyvalue/redis-scripts.ts`,
    { tests: [`${MODULES}/keyvalue/keyvalue-redis.test.ts`], title: 'A swap happens' },
    ['a swap happens only from the value expected, on Redis', 'elseif before ~= ARGV[3] then return 0 end', 'end'],
  ),
  ...mutantsOf(
    `${MODULES}/messaging/broker.ts`,
    { tests: MESSAGING, title: 'Actors of another publisher' },
    ['messages stay among the actors of a publisher', 'one.publisher !== publisher ||', ''],
    ['nobody else replies', 'if (inbox?.publisher !== publisher)', 'if (inbox === undefined)'],
  ),
  ...mutantsOf(
    'daemon/src/providers/secrets.ts',
    { tests: CONFIG },
    ['secrets that others can read are refused', '(mode & 0o177) !== 0 ||', ''],
    [
      'a secret is for one actor',
      'Object.hasOwn(this.#byActor, actor) ? this.#byActor[actor]!',
      'true ? this.#byActor["shop"]!',
    ],
  ),
  ...mutantsOf('daemon/src/providers/launch.ts', { tests: SUPERVISOR, title: 'A provider that was granted' }, [
    'a provider connects only when granted',
    "network: grants.includes('net')",
    'network: true',
  ]),
  ...mutantsOf('daemon/src/providers/launch.ts', { tests: SUPERVISOR, title: 'Each start is one of the bytes' }, [
    "a provider gets the measured bytes from the daemon's memory",
    '.end(module)',
    `.end(((fs, file) => (fs.existsSync(file) || fs.writeFileSync(file, module), fs.readFileSync(file)))(
      process.getBuiltinModule('node:fs'), dataDirectory + '/module.mjs'))`,
  ]),
  ...mutantsOf(
    'daemon/src/providers/services.ts',
    { tests: SUPERVISOR },
    ['a provider asks the daemon only for what it was granted', '!grants.includes(needed) ||', ''],
    ['a provider calls only actors that have to do with it', 'if (!mayCall(about))', 'if (false)'],
  ),
  ...mutantsOf('daemon/src/providers/running-provider.ts', { tests: SUPERVISOR, title: 'The pause before a restart' }, [
    'a provider that keeps failing is started less and less often',
    'this.#pauseMs = Math.min(this.#pauseMs * 2, this.#parts.limits.maxBackoffMs)',
    '',
  ]),
]
