/** A tiny WebAssembly assembler for the tests: modules as odd as no compiler makes them. */

export const I32 = 0x7f
export const I64 = 0x7e

/** Instructions by their byte; immediates follow as numbers. */
export const op = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  return: 0x0f,
  call: 0x10,
  drop: 0x1a,
  localGet: 0x20,
  globalGet: 0x23,
  globalSet: 0x24,
  tableSet: 0x26,
  load: 0x28,
  store: 0x36,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  const: 0x41,
  equal: 0x46,
  add: 0x6a,
} as const

const VOID = 0x40

/** Parameters and results: how many of i32, or which. */
export type FunctionType = [parameters: number | number[], results: number]

export interface ModuleParts {
  /** Under which name the first function is exported; `__guest_call` when nothing is said. */
  entry?: string
  imports?: { module: string; name: string; type: FunctionType }[]
  memory?: { min: number; max?: number; flags?: number }
  table?: number
  globals?: { type: number; init: number[] }[]
  /** Bodies without the final `end`; function indices go on after the imports. The first is the entry. */
  functions: { type: FunctionType; body: number[] }[]
  exports?: { name: string; kind: number; index: number }[]
  start?: number
  data?: [offset: number, text: string][]
}

/** Unsigned LEB128. */
export function leb(value: number): number[] {
  const low = value & 127
  return value >= 128 ? [low | 128, ...leb(Math.floor(value / 128))] : [low]
}

/** Signed LEB128 of a constant. */
export function sleb(value: number): number[] {
  const low = value & 127
  const rest = value >> 7
  return (rest === 0 && !(low & 64)) || (rest === -1 && low & 64) ? [low] : [low | 128, ...sleb(rest)]
}

/** `i32.const value` */
export const i32 = (value: number): number[] => [op.const, ...sleb(value)]

const text = (value: string): number[] => {
  const bytes = [...new TextEncoder().encode(value)]
  return [...leb(bytes.length), ...bytes]
}
const vector = (items: number[][]): number[] => [...leb(items.length), ...items.flat()]
const section = (id: number, body: number[]): number[] => [id, ...leb(body.length), ...body]
const functionType = ([parameters, results]: FunctionType): number[] => [
  0x60,
  ...vector((typeof parameters === 'number' ? Array(parameters).fill(I32) : parameters).map((type) => [type])),
  ...vector(Array(results).fill([I32])),
]

/** Assembles a module that exports `memory` and its first function. */
export function buildModule(parts: ModuleParts): Uint8Array<ArrayBuffer> {
  const {
    entry = '__guest_call',
    imports = [],
    memory = { min: 1 },
    globals = [],
    functions,
    exports = [],
    data = [],
  } = parts
  const types = [...imports, ...functions].map((item) => functionType(item.type))
  const bytes = [
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector(imports.map(({ module, name }, i) => [...text(module), ...text(name), 0, ...leb(i)]))),
    ...section(3, vector(functions.map((_, i) => leb(imports.length + i)))),
    ...(parts.table === undefined ? [] : section(4, vector([[0x70, 0, ...leb(parts.table)]]))),
    ...section(
      5,
      vector([
        [
          memory.flags ?? (memory.max === undefined ? 0 : 1),
          ...leb(memory.min),
          ...(memory.max === undefined ? [] : leb(memory.max)),
        ],
      ]),
    ),
    ...section(6, vector(globals.map(({ type, init }) => [type, 1, ...init, op.end]))),
    ...section(
      7,
      vector([
        [...text('memory'), 2, 0],
        [...text(entry), 0, ...leb(imports.length)],
        ...exports.map(({ name, kind, index }) => [...text(name), kind, ...leb(index)]),
      ]),
    ),
    ...(parts.start === undefined ? [] : section(8, leb(parts.start))),
    ...section(10, vector(functions.map(({ body }) => [...leb(body.length + 2), 0, ...body, op.end]))),
    ...section(11, vector(data.map(([offset, value]) => [0, ...i32(offset), op.end, ...text(value)]))),
  ]
  return Uint8Array.from(bytes)
}

const wapc = (name: string, parameters: number, results = 0) => ({
  module: 'wapc',
  name,
  type: [parameters, results] as [number, number],
})
const GUEST_CALL: [number, number] = [2, 1]
const REQUEST = wapc('__guest_request', 2)
const RESPONSE = wapc('__guest_response', 2)
const payloadLength = [op.localGet, 1]
const request = [...i32(64), ...i32(4096), op.call, 0]

/** Answers with its payload, as long as that fits. */
export const echoOf = (pages: number) =>
  buildModule({
    imports: [REQUEST, RESPONSE],
    memory: { min: pages },
    functions: [{ type: GUEST_CALL, body: [...request, ...i32(4096), ...payloadLength, op.call, 1, ...i32(1)] }],
  })

export const echo = echoOf(1)

/** `__guest_call` with this body and no imports. */
export const plain = (body: number[], parts: Partial<ModuleParts> = {}) =>
  buildModule({ functions: [{ type: GUEST_CALL, body }], ...parts })

/** Never returns. */
export const spin = plain([op.loop, VOID, op.br, 0, op.end, ...i32(1)])

/** Never returns when its payload is not empty; else answers nothing. */
export const spinIfAsked = plain([...payloadLength, op.if, VOID, op.loop, VOID, op.br, 0, op.end, op.end, ...i32(1)])

/** Asks for one page of memory after another until there is none, then traps. */
export const grow = plain([
  ...[op.loop, VOID, ...i32(16), op.memoryGrow, 0, ...i32(-1), op.equal, op.if, VOID, op.unreachable, op.end, op.br, 0],
  ...[op.end, ...i32(1)],
])

export const trap = plain([op.unreachable])

/** A body that calls the function with this index, which is to be itself, for ever. */
export const recursion = (index: number): number[] => [op.localGet, 0, op.localGet, 1, op.call, index]

export const overflow = plain(recursion(0))

/** Reports failure without a reason. */
export const failing = plain(i32(0))

/** Fails with this text. */
export const failingWith = (said: string) =>
  buildModule({
    imports: [wapc('__guest_error', 2)],
    functions: [{ type: GUEST_CALL, body: [...i32(16), ...i32(said.length), op.call, 0, ...i32(0)] }],
    data: [[16, said]],
  })

/** Answers `fine` to an empty payload, and traps on any other. */
export const trapsIfAsked = buildModule({
  imports: [REQUEST, RESPONSE],
  functions: [
    {
      type: GUEST_CALL,
      body: [...payloadLength, op.if, VOID, op.unreachable, op.end, ...i32(16), ...i32(4), op.call, 1, ...i32(1)],
    },
  ],
  data: [[16, 'fine']],
})

/** A module whose `wapc_init` never returns. */
export const startSpins = buildModule({
  functions: [
    { type: GUEST_CALL, body: i32(1) },
    { type: [0, 0], body: [op.loop, VOID, op.br, 0, op.end] },
  ],
  exports: [{ name: 'wapc_init', kind: 0, index: 1 }],
})

const countUp = (at: number) => [...i32(at), ...i32(at), op.load, 2, 0, ...i32(1), op.add, op.store, 2, 0]

/**
 * Counts up wherever an instance keeps state, and answers with what it finds: a number that the module sets to 5 in memory,
 * one that nobody sets, one in a global that is not exported, and how many pages there were.
 */
export const counting = (extra: number[] = [], parts: Partial<ModuleParts> = {}) =>
  buildModule({
    imports: [REQUEST, RESPONSE],
    globals: [{ type: I32, init: i32(0) }],
    functions: [
      {
        type: GUEST_CALL,
        body: [
          ...[op.globalGet, 0, ...i32(1), op.add, op.globalSet, 0],
          ...[...countUp(0), ...countUp(4)],
          ...[...i32(8), op.globalGet, 0, op.store, 2, 0],
          ...[...i32(12), op.memorySize, 0, op.store, 2, 0],
          ...extra,
          ...[...i32(0), ...i32(16), op.call, 1, ...i32(1)],
        ],
      },
    ],
    data: [[0, '\u0005']],
    ...parts,
  })

/** Answers only when its payload is not empty, and then with `secret`. */
export const answersSometimes = buildModule({
  imports: [REQUEST, RESPONSE],
  functions: [
    {
      type: GUEST_CALL,
      body: [...payloadLength, op.if, VOID, ...i32(16), ...i32(6), op.call, 1, op.end, ...i32(1)],
    },
  ],
  data: [[16, 'secret']],
})

/** Answers with a range of its memory that it does not check. */
export const answersWith = (at: number, length: number, pages = 1) =>
  buildModule({
    imports: [REQUEST, RESPONSE],
    memory: { min: pages },
    functions: [{ type: GUEST_CALL, body: [...i32(at), ...i32(length), op.call, 1, ...i32(1)] }],
  })

/** Has its request written to where it asks. */
export const requestsAt = (at: number) =>
  buildModule({
    imports: [REQUEST],
    functions: [{ type: GUEST_CALL, body: [...i32(at), ...i32(at), op.call, 0, ...i32(1)] }],
  })

/** Passes its operation and payload on to a capability, binding `default`, and answers with what comes back. */
export const forwarding = (
  capability: string,
  after: number[] = [],
  parts: Partial<ModuleParts> = {},
  lengths = { operation: [op.localGet, 0], payload: payloadLength },
) =>
  buildModule({
    imports: [
      REQUEST,
      RESPONSE,
      wapc('__host_call', 8, 1),
      wapc('__host_response', 1),
      wapc('__host_response_len', 0, 1),
      wapc('__guest_error', 2),
      wapc('__host_error', 1),
      wapc('__host_error_len', 0, 1),
    ],
    memory: { min: 4 },
    functions: [
      {
        type: GUEST_CALL,
        body: [
          ...request,
          ...[...i32(16), ...i32(7), ...i32(32), ...i32(capability.length), ...i32(64), ...lengths.operation],
          ...[...i32(4096), ...lengths.payload, op.call, 2, op.if, VOID],
          ...after,
          ...[...i32(4096), op.call, 3, ...i32(4096), op.call, 4, op.call, 1, ...i32(1), op.return, op.end],
          ...[...i32(4096), op.call, 6, ...i32(4096), op.call, 7, op.call, 5, ...i32(0)],
        ],
      },
    ],
    data: [
      [16, 'default'],
      [32, capability],
    ],
    ...parts,
  })

/** Writes its payload to the console, `times` over. */
export const logging = (times: number) =>
  buildModule({
    imports: [REQUEST, RESPONSE, wapc('__console_log', 2)],
    functions: [
      {
        type: GUEST_CALL,
        body: [
          ...request,
          ...Array(times)
            .fill([...i32(4096), ...payloadLength, op.call, 2])
            .flat(),
          ...i32(1),
        ],
      },
    ],
  })

/** Answers with 8 random bytes of its start, 16 of the call, and both clocks. */
export const wapcWorld = buildModule({
  imports: [
    RESPONSE,
    { module: 'wasi_snapshot_preview1', name: 'random_get', type: [2, 1] },
    { module: 'wasi_snapshot_preview1', name: 'clock_time_get', type: [[I32, I64, I32], 1] },
  ],
  functions: [
    {
      type: GUEST_CALL,
      body: [
        ...[...i32(24), ...i32(16), op.call, 1, op.drop],
        ...[...i32(0), 0x42, 0, ...i32(40), op.call, 2, op.drop, ...i32(1), 0x42, 0, ...i32(48), op.call, 2, op.drop],
        ...[...i32(16), ...i32(40), op.call, 0, ...i32(1)],
      ],
    },
    { type: [0, 0], body: [...i32(16), ...i32(8), op.call, 1, op.drop] },
  ],
  exports: [{ name: 'wapc_init', kind: 0, index: 4 }],
})
