import type { Call, CallResult } from './call.ts'
import { failureOf } from './call-failure.ts'
import { FrameError, parseNamed } from './frames.ts'
import type { HostError } from './host-error.ts'
import type { HostLimits } from './limits.ts'
import { FrameType, FUEL_BYTES, parseFailure, parseFuel, parseLoaded } from './messages.ts'

/** A capability call as a sandbox asks for it: binding, capability and operation. */
export type HostCall = ReturnType<typeof parseNamed>

/** What a frame gives its call: one of these, or nothing but what the call keeps. */
export interface Taken {
  readonly line?: string
  readonly result?: CallResult
  readonly error?: HostError
  readonly asked?: HostCall
}

const NOTHING: Taken = {}

/** Reads a frame about a call under way. @throws FrameError for what is over a limit, malformed, or not due */
export function takeFrame(call: Call, type: number, body: Buffer, { nameBytes, textBytes }: HostLimits): Taken {
  const { payloadBytes, traceBytes } = call.release.settings.limits
  if (type === FrameType.log) return { line: parseLogLine(call, body, textBytes) }
  if (call.hostCall !== undefined)
    throw new FrameError(`Expected call ${call.id} to wait for its capability, found a frame of type ${type}`)
  if (type === FrameType.ok) return { result: parseAnswer(call, body) }
  if (type === FrameType.error) {
    const { failure, text } = parseFailure(body, textBytes)
    return { error: failureOf(call, failure, text, parseFuel(body)) }
  }
  if (type === FrameType.hostCall && call.kind === 'call')
    return { asked: parseNamed(body, 3, { nameBytes, payloadBytes }) }
  if (type === FrameType.trace && call.trace && call.recorded === undefined) {
    if (body.length > traceBytes)
      throw new FrameError(`Expected a trace of at most ${traceBytes} bytes, found ${body.length}`)
    call.recorded = body
  } else if (type === FrameType.prepared && call.kind === 'load' && call.prepared === undefined) call.prepared = body
  else throw new FrameError(`Expected an answer to call ${call.id}, found a frame of type ${type}`)
  return NOTHING
}

/** Of a load, the release learns what it says. */
function parseAnswer({ id, kind, release, recorded: trace, calls }: Call, body: Buffer): CallResult {
  const { responseBytes } = release.settings.limits
  const fuel = parseFuel(body)
  if (kind === 'load') Object.assign(release, parseLoaded(body))
  else if (body.length - FUEL_BYTES > responseBytes)
    throw new FrameError(`Expected an answer of at most ${responseBytes} bytes to call ${id}, found more`)
  const payload = body.subarray(FUEL_BYTES)
  return trace === undefined ? { payload, release, fuel, calls } : { payload, release, fuel, calls, trace }
}

function parseLogLine(call: Call, body: Buffer, textBytes: number): string {
  const { logLines } = call.release.settings.limits
  // A line may be three times as long in UTF-8 when the sandbox replaced malformed bytes.
  if (++call.logLines > logLines || body.length > 3 * textBytes)
    throw new FrameError(
      `Expected at most ${logLines} log lines of ${textBytes} bytes from call ${call.id}, found more`,
    )
  return body.toString()
}
