import { FrameError, type FrameWriter } from './frames.ts'

/** Frame types between the host and a sandbox (spec/host.md §4). */
export const FrameType = {
  /** To the sandbox: load a module. id = the load's id, 0 when nobody waits; body = u32 handle ‖ module. */
  load: 1,
  /** To the sandbox: call an actor. body = u32 handle ‖ u16 length ‖ operation ‖ payload. */
  call: 2,
  /** To the sandbox: a capability's answer to the call with this id. body = response. */
  hostOk: 3,
  /** To the sandbox: a capability's refusal. body = text. */
  hostError: 4,
  /** To the sandbox: forget a module. id = handle; empty. */
  drop: 5,
  /** From the sandbox: ready for work. id 0, empty. */
  ready: 16,
  /** From the sandbox: the call or load with this id succeeded. body = response, of a load one byte: 1 reset, 0 fresh instance per call. */
  ok: 17,
  /** From the sandbox: it failed. body = u8 index into {@link FAILURES} ‖ text. */
  error: 18,
  /** From the sandbox: the call with this id calls a capability. body = three names (binding, capability, operation) and payload. */
  hostCall: 19,
  /** From the sandbox: the call or load with this id wrote a console line. body = text. */
  log: 20,
} as const

/** How a call or load fails inside a sandbox; on the wire the index, outside `host/…`. */
export const FAILURES = [
  'actor-error',
  'trap',
  'out-of-memory',
  'response-too-large',
  'bad-module',
  'forbidden-import',
] as const

/** One of {@link FAILURES}. */
export type Failure = (typeof FAILURES)[number]

/** What a sandbox is told about limits, as JSON in its first argument. */
export interface SandboxLimits {
  readonly memoryPages: number
  readonly payloadBytes: number
  readonly responseBytes: number
  readonly nameBytes: number
  readonly instances: number
  readonly logLines: number
  readonly logBytes: number
  readonly textBytes: number
}

/** Writes a load frame. */
export function sendLoad(writer: FrameWriter, id: number, handle: number, module: Uint8Array): void {
  const at = writer.reserve(FrameType.load, id, 4 + module.length)
  writer.buffer.writeUInt32LE(handle, at)
  writer.buffer.set(module, at + 4)
}

/** Writes a call frame. */
export function sendCall(
  writer: FrameWriter,
  id: number,
  handle: number,
  operation: Uint8Array,
  payload: Uint8Array,
): void {
  const at = writer.reserve(FrameType.call, id, 6 + operation.length + payload.length)
  const { buffer } = writer
  buffer.writeUInt32LE(handle, at)
  buffer.writeUInt16LE(operation.length, at + 4)
  buffer.set(operation, at + 6)
  buffer.set(payload, at + 6 + operation.length)
}

/** Reads a failure. @throws FrameError for an empty body or an unknown index. */
export function parseFailure(body: Buffer, textBytes: number): { failure: Failure; text: string } {
  const failure = FAILURES[body[0] ?? -1]
  if (failure === undefined)
    throw new FrameError(`Expected a failure from 0 to ${FAILURES.length - 1}, found ${body[0]}`)
  return { failure, text: body.toString('utf8', 1, Math.min(body.length, 1 + textBytes)) }
}
