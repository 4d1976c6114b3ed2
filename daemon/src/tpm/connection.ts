import { setTimeout as delay } from 'node:timers/promises'
import { concatBytes } from '@teapot-network/trust'
import type { TpmTransport } from './frame.ts'
import { mayRetry, TpmError } from './response-code.ts'
import { createReader, malformed, sized, type TpmReader, u8, u16, u32 } from './wire.ts'

/** An authorisation session's handle; {@link PASSWORD} stands for an empty password. */
export type SessionHandle = number & { readonly session?: never }

/** TPM_RS_PW: authorise with the (empty) password. */
export const PASSWORD: SessionHandle = 0x40000009

/** One command, ready but for its header (TPM 2.0 Part 1 §18). */
export interface TpmCommand {
  /** Its name without prefix, for messages. */
  name: string
  code: number
  handles?: readonly number[]
  /** One session for each handle that needs authorisation, in order. */
  sessions?: readonly SessionHandle[]
  parameters?: Uint8Array
  /** Whether the response starts with a new handle. */
  returnsHandle?: boolean
}

/** A successful response: its handle (0 when it has none) and a reader over exactly its parameters. */
export interface TpmResponse {
  handle: number
  parameters: TpmReader
}

/** A line to a TPM for as long as it holds; handles die with it. */
export interface TpmConnection {
  /** True once the line was cut; then only a new connection helps. */
  readonly closed: boolean
  /**
   * Runs one command after those asked for earlier; sends it again on `RETRY` and the like.
   * @throws TpmError `tpm/command-failed` · TeapotError `tpm/unavailable`, `tpm/malformed-response`
   */
  execute(command: TpmCommand, signal?: AbortSignal): Promise<TpmResponse>
}

/** By what a connection knows how long the TPM has put it off. */
export interface RetryClock {
  nowMs(): number
  sleep(ms: number, signal?: AbortSignal): Promise<unknown>
}

const SYSTEM_CLOCK: RetryClock = {
  nowMs: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
}
/** A TPM that tests itself, or waits for its own flash, takes seconds; one that takes longer than this is stuck. */
const RETRY_FOR_MS = 30_000
const FIRST_RETRY_MS = 10
const LONGEST_RETRY_MS = 1000
const TAG_NO_SESSIONS = 0x8001
const TAG_SESSIONS = 0x8002

/** Frames commands over a transport, one at a time; what the TPM puts off is sent again, ever more seldom, for half a minute. */
export function createConnection(transport: TpmTransport, clock: RetryClock = SYSTEM_CLOCK): TpmConnection {
  let last: Promise<unknown> = Promise.resolve()
  const send = async (command: TpmCommand, signal?: AbortSignal): Promise<TpmResponse> => {
    const packet = encodeCommand(command)
    const end = clock.nowMs() + RETRY_FOR_MS
    for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_RETRY_MS)) {
      signal?.throwIfAborted()
      const response = await transport.send(packet, signal)
      try {
        return parseResponse(command, response)
      } catch (error) {
        if (!(error instanceof TpmError && mayRetry(error.responseCode)) || clock.nowMs() + waitMs > end) throw error
      }
      await clock.sleep(waitMs, signal)
    }
  }
  return {
    get closed() {
      return transport.closed
    },
    execute: (command, signal) => {
      const result = last.then(() => send(command, signal))
      last = result.catch(() => {})
      return result
    },
  }
}

/** A command's bytes: header, handles, authorisation area with empty nonces and HMACs, parameters. */
export function encodeCommand(command: TpmCommand): Uint8Array {
  const { handles = [], sessions = [], parameters = new Uint8Array() } = command
  const areas = sessions.map((session) => concatBytes(u32(session), sized(), u8(session === PASSWORD ? 1 : 0), sized()))
  const area = concatBytes(...areas)
  const body = concatBytes(...handles.map(u32), ...(sessions.length > 0 ? [u32(area.length), area] : []), parameters)
  const tag = sessions.length > 0 ? TAG_SESSIONS : TAG_NO_SESSIONS
  return concatBytes(u16(tag), u32(body.length + 10), u32(command.code), body)
}

/**
 * Takes a response apart.
 * @throws TpmError `tpm/command-failed` when its code is not success · TeapotError `tpm/malformed-response`
 */
export function parseResponse(command: TpmCommand, response: Uint8Array): TpmResponse {
  const reader = createReader(response)
  const tag = reader.u16()
  const size = reader.u32()
  const code = reader.u32()
  if (size !== response.length) throw malformed(`${size} bytes`, `${response.length}`)
  if (code !== 0) {
    reader.end()
    throw new TpmError(command.name, code)
  }
  const sessions = command.sessions?.length ?? 0
  const expected = sessions > 0 ? TAG_SESSIONS : TAG_NO_SESSIONS
  if (tag !== expected) throw malformed(`tag 0x${expected.toString(16)}`, `0x${tag.toString(16)}`)
  const handle = command.returnsHandle ? reader.u32() : 0
  if (sessions === 0) return { handle, parameters: createReader(reader.rest()) }
  const parameters = reader.bytes(reader.u32())
  for (let i = 0; i < sessions; i++) {
    reader.sized()
    reader.u8()
    reader.sized()
  }
  reader.end()
  return { handle, parameters: createReader(parameters) }
}
