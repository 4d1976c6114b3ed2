import type { Abi } from './abi/program.ts'
import { FrameError, type FrameWriter } from './frames.ts'
import type { ActorLimits } from './limits.ts'

/** Frame types between the host and a sandbox (spec/host.md §4). */
export const FrameType = {
  /** To the sandbox: load a module. id = the load's id, 0 when nobody waits; body: {@link sendLoad}. */
  load: 1,
  /** To the sandbox: call an actor. body: {@link sendCall}. */
  call: 2,
  /** To the sandbox: a capability's answer to the call with this id. body = response. */
  hostOk: 3,
  /** To the sandbox: a capability's refusal. body = text. */
  hostError: 4,
  /** To the sandbox: forget a module. id = handle; empty. */
  drop: 5,
  /** From the sandbox: ready for work. id 0, empty. */
  ready: 16,
  /** From the sandbox: the call or load with this id succeeded. body = u48 fuel ‖ response; of a load {@link LOADED_BYTES} as of {@link parseLoaded}. */
  ok: 17,
  /** From the sandbox: it failed. body = u48 fuel ‖ u8 index into {@link FAILURES} ‖ text. */
  error: 18,
  /** From the sandbox: the call with this id calls a capability. body = three names (binding, capability, operation) and payload. */
  hostCall: 19,
  /** From the sandbox: the call or load with this id wrote a console line. body = text. */
  log: 20,
  /** From the sandbox: the trace of the call with this id, once, before its `ok` or `error`, when the call asked for one. */
  trace: 21,
  /**
   * From the sandbox: the module of the load with this id as it was prepared, once, before its `ok`: worth keeping, for actors with
   * the same limits of memory and tables. body = u8 1 when a snapshot puts its instances back, else 0 ‖ module; sent back as it is.
   */
  prepared: 22,
} as const

/** In what form a module reaches a sandbox; on the wire the index. */
export const FORMS = ['module', 'prepared', 'component'] as const

/** `module`: as published. `prepared`: a core module as {@link FrameType.prepared} told it. `component`: a transpiled component. */
export type Form = (typeof FORMS)[number]

/** What a sandbox is told of an actor, as JSON. */
export interface ActorSettings {
  readonly name: string
  readonly limits: ActorLimits
  /** Capabilities that it may use; the host checks each call all the same. */
  readonly grants: readonly string[]
  /** Environment variables of WASI actors. */
  readonly environment: Readonly<Record<string, string>>
}

/** Flags of a call. */
export const CallFlag = {
  /** Record a trace. */ trace: 1,
  /** Take all that the actor sees of the world from a trace. */ replay: 2,
  /** Stay awake for a moment after the answer: the caller waits for it, and is likely to call again. */ awake: 4,
} as const

/** How a call or load fails inside a sandbox; on the wire the index, outside `host/…`. */
export const FAILURES = [
  'actor-error',
  'trap',
  'out-of-memory',
  'response-too-large',
  'bad-module',
  'forbidden-import',
  'fuel-exhausted',
  'stack-overflow',
  'log-limit',
  'trace-too-large',
  'replay-mismatch',
] as const

/** One of {@link FAILURES}. */
export type Failure = (typeof FAILURES)[number]

/** Bytes before the response in an `ok` frame, and before the failure in an `error` frame: the fuel. */
export const FUEL_BYTES = 6
/** Body of a load's `ok` after the fuel: u8 0 fresh instance per call, 1 put back by snapshot ‖ u8 index into {@link ABIS}. */
export const LOADED_BYTES = 2
/** ABIs by their index on the wire. */
export const ABIS: readonly Abi[] = ['wapc', 'wasi', 'component']

/** Writes a load frame: u32 handle ‖ u8 form ‖ u32 length ‖ settings ‖ module. */
export function sendLoad(
  writer: FrameWriter,
  id: number,
  handle: number,
  form: Form,
  settings: ActorSettings,
  module: Uint8Array,
): void {
  const told = Buffer.from(JSON.stringify(settings))
  let at = writer.reserve(FrameType.load, id, 9 + told.length + module.length)
  const { buffer } = writer
  at = buffer.writeUInt32LE(handle, at)
  at = buffer.writeUInt8(FORMS.indexOf(form), at)
  at = buffer.writeUInt32LE(told.length, at)
  buffer.set(told, at)
  buffer.set(module, at + told.length)
}

/** Writes a call frame: u32 handle ‖ u8 flags ‖ u16 length ‖ operation ‖ [to replay: u32 length ‖ trace] ‖ payload. */
export function sendCall(
  writer: FrameWriter,
  id: number,
  handle: number,
  call: {
    operation: Uint8Array
    payload: Uint8Array
    trace: boolean
    replay: Uint8Array | undefined
    awake: boolean
  },
): void {
  const { operation, payload, replay } = call
  const replayed = replay === undefined ? 0 : 4 + replay.length
  let at = writer.reserve(FrameType.call, id, 7 + operation.length + replayed + payload.length)
  const { buffer } = writer
  at = buffer.writeUInt32LE(handle, at)
  at = buffer.writeUInt8(
    (call.trace ? CallFlag.trace : 0) | (replay ? CallFlag.replay : 0) | (call.awake ? CallFlag.awake : 0),
    at,
  )
  at = buffer.writeUInt16LE(operation.length, at)
  buffer.set(operation, at)
  at += operation.length
  if (replay !== undefined) {
    at = buffer.writeUInt32LE(replay.length, at)
    buffer.set(replay, at)
    at += replay.length
  }
  buffer.set(payload, at)
}

/** Reads the fuel of an `ok` or `error`. @throws FrameError when it is not there */
export function parseFuel(body: Buffer): number {
  if (body.length < FUEL_BYTES) throw new FrameError(`Expected fuel of ${FUEL_BYTES} bytes, found ${body.length}`)
  return body.readUIntLE(0, FUEL_BYTES)
}

/** Reads a load's `ok`. @throws FrameError for another length or an unknown ABI */
export function parseLoaded(body: Buffer): { reset: 'snapshot' | 'fresh'; abi: Abi } {
  const abi = ABIS[body[FUEL_BYTES + 1] ?? -1]
  if (body.length !== FUEL_BYTES + LOADED_BYTES || abi === undefined)
    throw new FrameError(`Expected an answer of ${FUEL_BYTES + LOADED_BYTES} bytes to a load, found ${body.length}`)
  return { reset: body[FUEL_BYTES] === 1 ? 'snapshot' : 'fresh', abi }
}

/** Reads a failure. @throws FrameError for a body without one, or an unknown index */
export function parseFailure(body: Buffer, textBytes: number): { failure: Failure; text: string } {
  const failure = FAILURES[body[FUEL_BYTES] ?? -1]
  if (failure === undefined)
    throw new FrameError(`Expected a failure from 0 to ${FAILURES.length - 1}, found ${body[FUEL_BYTES]}`)
  const start = FUEL_BYTES + 1
  return { failure, text: body.toString('utf8', start, Math.min(body.length, start + textBytes)) }
}
