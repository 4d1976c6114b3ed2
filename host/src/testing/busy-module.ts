import { I32, i32, op, plain } from './build-module.ts'

const LOCAL_SET = 0x21
const LOCAL_TEE = 0x22
const SUB = 0x6b
const VOID = 0x40

/** Keeps a core at work for `turns` turns of a loop (some nanoseconds each), and answers nothing. */
export const busy = (turns: number): Uint8Array<ArrayBuffer> =>
  plain([
    ...[...i32(turns), LOCAL_SET, 0, op.loop, VOID, op.localGet, 0, ...i32(1), SUB, LOCAL_TEE, 0, op.brIf, 0, op.end],
    ...i32(1),
  ])

/** Answers with its version, in two digits. */
export const versionOf = (version: number): Uint8Array<ArrayBuffer> =>
  plain([...i32(16), ...i32(2), op.call, 0, ...i32(1)], {
    imports: [{ module: 'wapc', name: '__guest_response', type: [2, 0] }],
    globals: [{ type: I32, init: i32(version) }],
    data: [[16, `${version}`.padStart(2, '0')]],
  })
