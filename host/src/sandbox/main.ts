import { Socket } from 'node:net'
import type { Guest } from '../abi/wapc/guest.ts'
import { createFrameReader, FrameWriter, sendNamed } from '../frames.ts'
import type { ActorLimits } from '../limits.ts'
import { type ActorSettings, FrameType, type SandboxLimits } from '../messages.ts'
import { SandboxActor } from './actor.ts'

/**
 * The sandbox process: the only one that compiles and runs actors. Its parent is the host; they talk in frames over fd 3
 * (spec/host.md §4). It knows nothing of grants, and is trusted with nothing.
 */
const limits = JSON.parse(process.argv[2] ?? '{}') as SandboxLimits
const pipe = new Socket({ fd: 3, readable: true, writable: true })
const writer = new FrameWriter((chunk) => pipe.write(chunk))
const actors = new Map<number, SandboxActor>()
const hostCalls = new Map<number, PromiseWithResolvers<Uint8Array>>()
const encoder = new TextEncoder()

const hostOf = (limits: ActorLimits & SandboxLimits) => ({
  responseBytes: limits.responseBytes,
  textBytes: limits.textBytes,
  log(guest: Guest, text: string): void {
    const line = encoder.encode(text)
    guest.loggedLines++
    guest.loggedBytes += line.length
    if (guest.callId !== 0 && guest.loggedLines <= limits.logLines && guest.loggedBytes <= limits.logBytes)
      writer.send(FrameType.log, guest.callId, line)
  },
  hostCall(guest: Guest, names: Uint8Array[], payload: Uint8Array): Promise<Uint8Array> {
    if (names.some((name) => name.length > limits.nameBytes) || payload.length > limits.payloadBytes)
      return Promise.reject(
        new Error(
          `host/payload-too-large: Expected names of at most ${limits.nameBytes} and a payload of at most ${limits.payloadBytes} bytes`,
        ),
      )
    const answer = Promise.withResolvers<Uint8Array>()
    hostCalls.set(guest.callId, answer)
    sendNamed(writer, FrameType.hostCall, guest.callId, names, payload)
    return answer.promise
  },
})

function onFrame(type: number, id: number, body: Buffer): void {
  if (type === FrameType.call) {
    const operationEnd = 7 + body.readUInt16LE(5)
    const actor = actors.get(body.readUInt32LE(0))
    actor?.call(id, body.subarray(7, operationEnd), body.subarray(operationEnd))
  } else if (type === FrameType.hostOk || type === FrameType.hostError) {
    const answer = hostCalls.get(id)
    hostCalls.delete(id)
    if (type === FrameType.hostOk) answer?.resolve(body)
    else answer?.reject(new Error(body.toString()))
  } else if (type === FrameType.load) {
    const settingsEnd = 9 + body.readUInt32LE(5)
    const settings = JSON.parse(body.toString('utf8', 9, settingsEnd)) as ActorSettings
    const own = { ...settings.limits, ...limits }
    const actor = new SandboxActor(writer, own, hostOf(own))
    actors.set(body.readUInt32LE(0), actor)
    void actor.load(id, body.subarray(settingsEnd))
  } else if (type === FrameType.drop) {
    actors.delete(id)
  }
}

const read = createFrameReader(0xffff_0000, onFrame)
pipe.on('data', (chunk: Buffer) => {
  read(chunk)
  writer.flush()
})
// The host is gone: so is the reason to be here.
for (const event of ['end', 'close', 'error']) pipe.on(event, () => process.exit(0))
writer.send(FrameType.ready, 0, new Uint8Array(0))
