import { mutantsOf } from './mutant.ts'

const METER = ['host/src/wasm/meter-code.test.ts']
const PREPARE = ['host/src/wasm/prepare-module.test.ts']

/** What keeps a guest within its fuel, its memory and its tables. */
export const FUEL = [
  ...mutantsOf(
    'host/src/wasm/meter-code.ts',
    { tests: METER, title: 'However a loop is left' },
    [
      'each round of a loop is charged',
      'if (kind < Kind.bytes && point.cost === 0) continue',
      'if (kind < Kind.bytes && (point.cost === 0 || kind === Kind.loop)) continue',
    ],
    [
      'who leaves a loop puts the counter back',
      'if (label >= 0) this.#out.append([Op.if, NO_VALUES])\n    this.#writeBack()',
      'if (label >= 0) this.#out.append([Op.if, NO_VALUES])',
    ],
  ),
  ...mutantsOf(
    'host/src/wasm/meter-code.ts',
    { tests: METER },
    [
      'entering a function is charged',
      'if (entry.cost > CALL_PRICE) for (const point of early) hand(point, entry)',
      'if (false) return false',
    ],
    [
      'a trap in a loop is not cheaper than its rounds',
      'this.#number(Op.i64Const, 0)\n    this.#index(Op.globalSet, this.#meter.fuelGlobal)',
      '',
    ],
    [
      'nor after a branch out of it that was not taken',
      'this.#copy(place, end)\n      this.#emptyGlobal()',
      'this.#copy(place, end)',
    ],
  ),
  ...mutantsOf('host/src/wasm/walk-body.ts', { tests: METER, title: 'What takes a size pays for it' }, [
    'a bulk instruction is charged by its size',
    'this.#add(kind, opAt, 0)',
    '',
  ]),
  ...mutantsOf(
    'host/src/wasm/walk-body.ts',
    { tests: METER, title: 'What is not metered is refused' },
    ['relaxed SIMD is refused', 'if (op >= 0x100)', 'if (false)'],
    ['atomic instructions are refused', 'if (form === Form.atomic) throw', 'if (form === Form.atomic) void '],
  ),
  ...mutantsOf('host/src/wasm/cap-limits.ts', { tests: METER, title: 'What is not metered is refused' }, [
    '64-bit addresses are refused',
    "if (flags & 4) throw odd('memory64 (64-bit addresses)')",
    '',
  ]),
  ...mutantsOf(
    'host/src/wasm/cap-limits.ts',
    { tests: PREPARE },
    ['a table has a maximum', 'writeLimits(limits[i]!, out)', 'out.copy(reader.bytes, limitsAt, valueAt)'],
    ['a memory has a maximum', 'Math.min(one.maximum, one.initial + share)', 'Math.min(one.maximum, 65536)'],
    ['what starts above its limit is refused', 'if (initial > cap)', 'if (false)'],
  ),
  ...mutantsOf('host/src/wasm/prepare-module.ts', { tests: PREPARE, title: 'What the pass adds is out of the reach' }, [
    'a module is validated before anything is added to it',
    '  validate(source)\n',
    '',
  ]),
  ...mutantsOf('host/src/wasm/fuel-gauge.ts', { tests: ['host/src/wasm/fuel-gauge.test.ts'] }, [
    'a guest without fuel cannot go on by catching',
    'for (const global of this.#globals) global.value = -1n',
    '',
  ]),
]
