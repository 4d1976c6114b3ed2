import { mutantsOf } from './mutant.ts'

const SURROUNDINGS = 'host/src/sandbox/surroundings.ts'
const WAPC = ['host/src/abi/wapc/wapc.test.ts']
const UNIT = ['host/src/sandbox/surroundings.test.ts']

/** What a sandbox holds its actors to. */
export const SANDBOX = [
  ...mutantsOf(
    SURROUNDINGS,
    { tests: WAPC, title: 'has its console lines told' },
    ['an actor logs no more lines than its limit', 'this.#loggedLines > logLines || ', ''],
    ['an actor logs no more bytes than its limit', ' || this.#loggedBytes > logBytes', ''],
  ),
  ...mutantsOf(
    SURROUNDINGS,
    { tests: WAPC, title: 'A payload or a name over its limit' },
    ['a capability is sent no more than the payload limit', ' || payload.length > payloadBytes', ''],
    ['a capability is sent no names over their limit', 'names.some((name) => name.length > nameBytes) || ', ''],
  ),
  ...mutantsOf(
    SURROUNDINGS,
    { tests: UNIT },
    ['capability calls of a call are bounded', 'if (this.#hostCalls.length >= openHostCalls)', 'if (false)'],
    [
      'no capability is called during a start',
      'if (this.#starting)\n      this.#fail(',
      'if (false)\n      this.#fail(',
    ],
    [
      'a replay that went another way stays a mismatch',
      'this.#fault ??= fault\n    return this.#fault',
      'return fault',
    ],
    ['a call ends only when its capability call has', 'await this.#idle.promise', ''],
  ),
  ...mutantsOf(
    'host/src/sandbox/replay.ts',
    { tests: UNIT },
    ['a replay asks a capability for the same as before', '!next.body.subarray(0, 32).equals(call.digest!)', 'false'],
    ['a replay leaves nothing of its trace', 'if (this.#trace.next !== undefined) this', 'if (false) this'],
  ),
  ...mutantsOf('host/src/sandbox/trace.ts', { tests: ['host/src/sandbox/trace.test.ts'] }, [
    'a replay does the same thing next',
    'next?.kind !== kind || ',
    'next === undefined || ',
  ]),
  ...mutantsOf('host/src/sandbox/actor.ts', { tests: WAPC, title: 'uses the same fuel for the same call' }, [
    'an answer tells its fuel',
    'at = buffer.writeUIntLE(fuel, at, FUEL_BYTES)\n    if (length > 64)',
    'at = buffer.writeUIntLE(0, at, FUEL_BYTES)\n    if (length > 64)',
  ]),
  ...mutantsOf('host/src/sandbox/describe-failure.ts', { tests: WAPC, title: 'is stopped when its fuel is used up' }, [
    'used up fuel is told apart from a trap',
    'if (guest?.exhausted)',
    'if (false)',
  ]),
  ...mutantsOf('host/src/abi/linkage.ts', { tests: WAPC, title: 'does not load with an import that nobody grants' }, [
    'a core module imports nothing but what is offered',
    'if (strange !== undefined)',
    'if (false)',
  ]),
  ...mutantsOf('host/src/abi/wapc/guest.ts', { tests: WAPC, title: 'Every call of the host has its price' }, [
    'a call of the host that moves nothing has a price',
    'charge(0)\n      return length',
    'return length',
  ]),
  ...mutantsOf('host/src/abi/wapc/guest.ts', { tests: WAPC, title: 'keeps its answers within its limit' }, [
    'an actor answers no more than its limit',
    'if (from.length > limit)',
    'if (false)',
  ]),
  ...mutantsOf(
    'host/src/abi/wapc/guest.ts',
    { tests: WAPC, title: 'finds nothing of a call in the next' },
    ['memory that was zero is zero for the next call', 'this.#view.fill(0, to.memory.length)', ''],
    ['memory is put back for the next call', 'this.#view.set(to.memory)', ''],
    ['globals are put back for the next call', 'this.#globals[i]!.value = to.globals[i]!', ''],
  ),
]
