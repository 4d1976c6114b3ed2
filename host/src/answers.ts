import type { Call, CallResult } from './call.ts'
import { FrameError } from './frames.ts'
import { FUEL_BYTES, parseFuel, parseLoaded } from './messages.ts'

/**
 * Reads the `ok` frame of a call or load; of a load, the release learns what it says.
 * @throws FrameError when it is over the actor's limit, or no answer
 */
export function parseAnswer({ id, kind, release, recorded: trace, calls }: Call, body: Buffer): CallResult {
  const { responseBytes } = release.settings.limits
  const fuel = parseFuel(body)
  if (kind === 'load') Object.assign(release, parseLoaded(body))
  else if (body.length - FUEL_BYTES > responseBytes)
    throw new FrameError(`Expected an answer of at most ${responseBytes} bytes to call ${id}, found more`)
  const payload = body.subarray(FUEL_BYTES)
  return trace === undefined ? { payload, release, fuel, calls } : { payload, release, fuel, calls, trace }
}

/** Takes in the trace of a call. @throws FrameError when it is over the limit */
export function takeTrace(call: Call, body: Buffer): void {
  const { traceBytes } = call.release.settings.limits
  if (body.length > traceBytes)
    throw new FrameError(`Expected a trace of at most ${traceBytes} bytes, found ${body.length}`)
  call.recorded = body
}

/** Reads a console line. @throws FrameError for one too many or too long */
export function parseLogLine(call: Call, body: Buffer, textBytes: number): string {
  const { logLines } = call.release.settings.limits
  // A line may be three times as long in UTF-8 when the sandbox replaced malformed bytes.
  if (++call.logLines > logLines || body.length > 3 * textBytes)
    throw new FrameError(
      `Expected at most ${logLines} log lines of ${textBytes} bytes from call ${call.id}, found more`,
    )
  return body.toString()
}
