import { mutantsOf } from './mutant.ts'

const HOST = ['host/src/host.test.ts']
const WAPC = ['host/src/abi/wapc/wapc.test.ts']
const HOOKS = ['host/src/hooks.test.ts']
const ACTOR_CALLS = ['host/src/actor-calls.test.ts']
const ACTOR_LIMITS = ['host/src/actor-limits.test.ts']
const CACHE = ['host/src/module-cache.test.ts']
const APPS = ['daemon/src/serve/app-request.test.ts']

/** What the host holds to on the daemon's side: versions, hooks, limits, calls between actors, its cache. */
export const HOST_SIDE = [
  ...mutantsOf('host/src/trust-group.ts', { tests: ['host/src/trust-groups.test.ts'] }, [
    'a sandbox that is given up gets no more calls',
    'if (others.some((other) => !other.draining)) this.#lanes',
    'if (others.length > 0) this.#lanes',
  ]),
  ...mutantsOf(
    'daemon/src/serve/app-request.ts',
    { tests: APPS },
    [
      'numbers that are no bytes are no body',
      'byte === body[i]) ? bytes : undefined',
      'byte >= i - i) ? bytes : undefined',
    ],
    ['an app cannot ask for the passwords of its neighbours', "'www-authenticate|service", "'service"],
  ),
  ...mutantsOf(
    'daemon/src/serve/perform.ts',
    { tests: ['daemon/src/serve/server.test.ts'], title: 'cannot be put into an answer' },
    ['an answer that cannot be told ends its call alone', '      failed(fault)\n', '      throw fault\n'],
  ),
  ...mutantsOf(
    'daemon/src/serve/body.ts',
    { tests: ['daemon/src/serve/server.test.ts'], title: 'cannot be put into' },
    ['a call gives back its room', 'metrics.inFlight -= counted', ''],
  ),
  ...mutantsOf(
    'host/src/releases.ts',
    { tests: HOST, title: 'An older version, the same version with other bytes' },
    ['a version is never rolled back', 'if (version < lowest.version ||', 'if ('],
    ['a name stays with its publisher', 'if (lowest.publisher !== publisher)', 'if (false)'],
  ),
  ...mutantsOf('host/src/releases.ts', { tests: ACTOR_CALLS, title: 'by its public key' }, [
    'nobody takes the calls of another by claiming its key',
    '(publisher === caller.publisher || caller.grants.includes(`actor:${name}`))',
    'true',
  ]),
  ...mutantsOf(
    'host/src/actor-host.ts',
    { tests: ['host/src/hot-swap.test.ts'], title: 'is ready after it, is refused' },
    ['a downgrade is refused that overtook the newer one', 'this.#releases.check(image)\n    } catch', '} catch'],
  ),
  ...mutantsOf(
    'host/src/actor-host.ts',
    { tests: HOOKS },
    [
      'a hook refuses a load',
      'await askHooks(this.#hooks, (hook) => hook.onLoad?.(Object.freeze({ ...identity })), identity)',
      '',
    ],
    ['what a hook allowed is the release it saw', 'if (this.#releases.get(actor) !== release) continue', ''],
    ['a hook costs no more than the deadline', 'await Promise.race([asked, late.promise])', 'await asked'],
  ),
  ...mutantsOf(
    'host/src/capability-calls.ts',
    { tests: HOOKS },
    [
      'a hook refuses a capability call',
      'if (this.#parts.hooks.length > 0) await this.#askHooks(call, invocation)',
      '',
    ],
    ['a hook that is late brings nothing about', 'if (call.settled) throw deadlinePassed(call)', ''],
  ),
  ...mutantsOf(
    'host/src/capability-calls.ts',
    { tests: WAPC, title: 'is denied a capability that it was not granted' },
    [
      'an actor uses only what it has a right to',
      'if (right.missing === undefined) return right.binding',
      'return right.binding ?? { name: binding, capability }',
    ],
  ),
  ...mutantsOf(
    'host/src/capability-calls.ts',
    { tests: ACTOR_CALLS },
    [
      'a call of another actor has what is left of its caller',
      'call.startedAt + call.deadlineMs - performance.now()',
      '30_000',
    ],
    ['a circle of actors ends', 'if (origin.length > callDepth)', 'if (false)'],
  ),
  ...mutantsOf('host/src/capability-calls.ts', { tests: ACTOR_LIMITS, title: 'More open capability calls' }, [
    'open capability calls are limited',
    'if (release.hostCalls >= openHostCalls)',
    'if (false)',
  ]),
  ...mutantsOf('host/src/trust-group.ts', { tests: ACTOR_LIMITS, title: 'More calls of an actor' }, [
    'calls of an actor are limited',
    'if (release.active >= concurrency)',
    'if (false)',
  ]),
  ...mutantsOf('host/src/lane.ts', { tests: ['host/src/sandbox-loss.test.ts'], title: 'not run twice' }, [
    'nothing is applied twice after a loss',
    'if (call.effects || call.attempts >= ATTEMPTS)',
    'if (call.attempts >= ATTEMPTS)',
  ]),
  ...mutantsOf(
    'host/src/module-cache.ts',
    { tests: CACHE },
    [
      'a cached module is vouched for at each read',
      'mac.length === MAC_BYTES && timingSafeEqual(mac, this.#mac(name, body))',
      'mac.length === MAC_BYTES',
    ],
    [
      'a cached module is what its name says',
      "createHmac('sha256', this.#key).update(name)",
      "createHmac('sha256', this.#key)",
    ],
  ),
  ...mutantsOf('host/src/claims/embedded.ts', { tests: ['host/src/claims/embedded.test.ts'] }, [
    'a module costs the node no more than so many sections',
    'if (sections > MAX_SECTIONS)',
    'if (false)',
  ]),
  ...mutantsOf('host/src/module-store.ts', { tests: CACHE, title: 'A host prepares a module once' }, [
    'what a sandbox prepared is used for its publisher alone',
    "{ form: 'prepared', publisher }",
    "{ form: 'prepared' }",
  ]),
]
