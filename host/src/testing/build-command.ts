/** WASI commands for the tests, by the assembler of build-module.ts: what they are told they read from stdin. */
import { buildModule, type FunctionType, I32, I64, i32, type ModuleParts, op } from './build-module.ts'

const VOID = 0x40
const STORE_BYTE = 0x3a
const I64_CONST = 0x42
/** Where a command keeps its vectors, the numbers that calls answer with, texts of its own, and what it read. */
const VECTOR = 0
const READ_LENGTH = 8
const WRITTEN = 12
const TEXT = 256
const INPUT = 1024
const MAX_INPUT = 60_000

const FUNCTIONS = ['fd_read', 'fd_write', 'proc_exit', 'random_get', 'clock_time_get', 'poll_oneoff'] as const
const TYPES: Record<(typeof FUNCTIONS)[number], FunctionType> = {
  fd_read: [4, 1],
  fd_write: [4, 1],
  proc_exit: [1, 0],
  random_get: [2, 1],
  clock_time_get: [[I32, I64, I32], 1],
  poll_oneoff: [4, 1],
}

/** A command that imports these functions of `module`, and runs a body that calls them by their index. */
export const command = (
  imports: readonly (typeof FUNCTIONS)[number][],
  body: number[],
  more: Partial<ModuleParts> = {},
  module = 'wasi_snapshot_preview1',
) =>
  buildModule({
    entry: '_start',
    imports: imports.map((name) => ({ module, name, type: TYPES[name] })),
    functions: [{ type: [0, 0], body }],
    ...more,
  })

const load = (at: number) => [...i32(at), op.load, 2, 0]
const store = (at: number, value: number[]) => [...i32(at), ...value, op.store, 2, 0]
const vector = (at: number, length: number[]) => [...store(VECTOR, i32(at)), ...store(VECTOR + 4, length)]

/** Reads stdin into memory; `read` is the index of `fd_read`. */
const readInput = (read: number) => [
  ...vector(INPUT, i32(MAX_INPUT)),
  ...[...i32(0), ...i32(VECTOR), ...i32(1), ...i32(READ_LENGTH), op.call, read, op.drop],
]

/** Writes a range to a descriptor; `write` is the index of `fd_write`. */
const writeRange = (write: number, fd: number, at: number, length: number[]) => [
  ...vector(at, length),
  ...[...i32(fd), ...i32(VECTOR), ...i32(1), ...i32(WRITTEN), op.call, write, op.drop],
]

const echoBody = [...readInput(0), ...writeRange(1, 1, INPUT, load(READ_LENGTH))]

/** Answers with what it is told. */
export const echo = command(['fd_read', 'fd_write'], echoBody)

/** The same, built for preview 0. */
export const unstableEcho = command(['fd_read', 'fd_write'], echoBody, {}, 'wasi_unstable')

/** Says a text on stderr and exits with a code. */
export const failingWith = (said: string, code = 1) =>
  command(['fd_write', 'proc_exit'], [...writeRange(0, 2, TEXT, i32(said.length)), ...i32(code), op.call, 1], {
    data: [[TEXT, said]],
  })

/** Answers `fine` when it is told nothing, and traps otherwise. */
export const trapsIfAsked = command(
  ['fd_read', 'fd_write'],
  [...readInput(0), ...load(READ_LENGTH), op.if, VOID, op.unreachable, op.end, ...writeRange(1, 1, TEXT, i32(4))],
  { data: [[TEXT, 'fine']] },
)

/** Counts up in memory and in a global, and answers with both. */
export const counting = command(
  ['fd_write'],
  [
    ...store(TEXT, [...load(TEXT), ...i32(1), op.add]),
    ...[op.globalGet, 0, ...i32(1), op.add, op.globalSet, 0],
    ...store(TEXT + 4, [op.globalGet, 0]),
    ...writeRange(0, 1, TEXT, i32(8)),
  ],
  { globals: [{ type: I32, init: i32(0) }] },
)

/** Writes what it is told to stderr, as a line, `times` over. */
export const logging = (times: number) =>
  command(
    ['fd_read', 'fd_write'],
    [
      ...readInput(0),
      ...[...i32(INPUT), ...load(READ_LENGTH), op.add, ...i32(10), STORE_BYTE, 0, 0],
      ...Array(times)
        .fill(writeRange(1, 2, INPUT, [...load(READ_LENGTH), ...i32(1), op.add]))
        .flat(),
    ],
  )

/** A command without imports. */
export const bare = (body: number[], more: Partial<ModuleParts> = {}) => command([], body, more)

/** Never returns. */
export const spin = bare([op.loop, VOID, op.br, 0, op.end])

/** Asks for memory until there is none, then traps. */
export const grow = bare([
  ...[op.loop, VOID, ...i32(16), op.memoryGrow, 0, ...i32(-1), op.equal, op.if, VOID, op.unreachable, op.end, op.br, 0],
  op.end,
])

const clock = (id: number, at: number) => [...i32(id), I64_CONST, 0, ...i32(at), op.call, 1, op.drop]

/** Answers with 16 random bytes, the time of day and the monotonic clock. */
export const world = command(
  ['random_get', 'clock_time_get', 'fd_write'],
  [
    ...[...i32(TEXT), ...i32(16), op.call, 0, op.drop],
    ...[...clock(0, TEXT + 16), ...clock(1, TEXT + 24)],
    ...writeRange(2, 1, TEXT, i32(32)),
  ],
)

/** Waits, then answers with what it is told. */
export const sleeping = (nanoseconds: number) =>
  command(
    ['fd_read', 'fd_write', 'poll_oneoff'],
    [
      // A subscription to the monotonic clock, relative: what is not stored is 0.
      ...store(TEXT + 16, i32(1)),
      ...store(TEXT + 24, i32(nanoseconds)),
      ...[...i32(TEXT), ...i32(TEXT + 64), ...i32(1), ...i32(WRITTEN), op.call, 2, op.drop],
      ...echoBody,
    ],
  )

/** Writes a range to stdout that it does not check, and exits with the answer. */
export const writesRange = (at: number, length: number) =>
  command(
    ['fd_write', 'proc_exit'],
    [...vector(at, i32(length)), ...[...i32(1), ...i32(VECTOR), ...i32(1), ...i32(WRITTEN), op.call, 0, op.call, 1]],
  )
