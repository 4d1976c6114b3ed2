import { data, type ModuleParts, moduleOf, numbers, TAKE_MEMORY } from './build-module.ts'

/** Where a command keeps its vectors, the numbers that calls answer with, texts of its own, and what it read. */
const VECTOR = 0
const READ_LENGTH = 8
const WRITTEN = 12
const TEXT = 256
const INPUT = 1024
const MAX_INPUT = 60_000
const READ = `(i32.load ${numbers(READ_LENGTH)})`

/** A WASI command that does this. */
export const command = (body: string, { fields = '', ...more }: ModuleParts = {}) =>
  moduleOf(`(func (export "_start") ${body}) ${fields}`, more)

const vector = (at: number, length: string) =>
  `(i32.store ${numbers(VECTOR, at)}) (i32.store ${numbers(VECTOR + 4)} ${length})`

/** Reads stdin into memory. */
const READ_INPUT = `${vector(INPUT, numbers(MAX_INPUT))} (drop (call $fd_read ${numbers(0, VECTOR, 1, READ_LENGTH)}))`

/** Writes a range to a descriptor. */
const writeRange = (fd: number, at: number, length: string) =>
  `${vector(at, length)} (drop (call $fd_write ${numbers(fd, VECTOR, 1, WRITTEN)}))`

const ECHO = `${READ_INPUT} ${writeRange(1, INPUT, READ)}`

/** Answers with what it is told. */
export const echo = await command(ECHO)

/** The same, built for preview 0. */
export const unstableEcho = await command(ECHO, { wasi: 'wasi_unstable' })

/** Says a text on stderr and exits with a code. */
export const failingWith = (said: string, code = 1) =>
  command(`${writeRange(2, TEXT, numbers(said.length))} (call $proc_exit ${numbers(code)})`, {
    fields: data(TEXT, said),
  })

/** Answers `fine` when it is told nothing, and traps otherwise. */
export const trapsIfAsked = await command(
  `${READ_INPUT} (if ${READ} (then (unreachable))) ${writeRange(1, TEXT, numbers(4))}`,
  { fields: data(TEXT, 'fine') },
)

/** Counts up in memory and in a global, and answers with both. */
export const counting = await command(
  `(i32.store ${numbers(TEXT)} (i32.add (i32.load ${numbers(TEXT)}) ${numbers(1)}))
  (global.set $count (i32.add (global.get $count) ${numbers(1)})) (i32.store ${numbers(TEXT + 4)} (global.get $count))
  ${writeRange(1, TEXT, numbers(8))}`,
  { fields: '(global $count (mut i32) (i32.const 0))' },
)

/** Writes what it is told to stderr, as a line, `times` over. */
export const logging = (times: number) =>
  command(
    `${READ_INPUT} (i32.store8 (i32.add ${numbers(INPUT)} ${READ}) ${numbers(10)})
    ${writeRange(2, INPUT, `(i32.add ${READ} ${numbers(1)})`).repeat(times)}`,
  )

/** Never returns. */
export const spin = await command('(loop (br 0))')

export const grow = await command(TAKE_MEMORY)

/** Answers with 16 random bytes, the time of day and the monotonic clock. */
export const world = await command(
  `(drop (call $random_get ${numbers(TEXT, 16)}))
  (drop (call $clock_time_get ${numbers(0)} (i64.const 0) ${numbers(TEXT + 16)}))
  (drop (call $clock_time_get ${numbers(1)} (i64.const 0) ${numbers(TEXT + 24)})) ${writeRange(1, TEXT, numbers(32))}`,
)

/** Waits, then answers with what it is told. */
export const sleeping = (nanoseconds: number) =>
  command(
    // A subscription to the monotonic clock, relative: what is not stored is 0.
    `(i32.store ${numbers(TEXT + 16, 1)}) (i32.store ${numbers(TEXT + 24, nanoseconds)})
    (drop (call $poll_oneoff ${numbers(TEXT, TEXT + 64, 1, WRITTEN)})) ${ECHO}`,
  )

/** Writes a range to stdout that it does not check, and exits with the answer. */
export const writesRange = (at: number, length: number) =>
  command(`${vector(at, numbers(length))} (call $proc_exit (call $fd_write ${numbers(1, VECTOR, 1, WRITTEN)}))`)
