import { Socket } from 'node:net'
import { createFrameReader, FrameWriter } from '../frames.ts'
import type { SandboxLimits } from '../limits.ts'
import { type ActorSettings, CallFlag, FORMS, FrameType } from '../messages.ts'
import { Vigil } from '../vigil.ts'
import { SandboxActor } from './actor.ts'
import type { HostPipe } from './surroundings.ts'

/**
 * The sandbox process: the only one that compiles and runs actors. Its parent is the host; they talk in frames over fd 3
 * (spec/host.md §4). It knows nothing of rights, and is trusted with nothing.
 */
const limits = JSON.parse(process.argv[2] ?? '{}') as SandboxLimits
const socket = new Socket({ fd: 3, readable: true, writable: true })
const writer = new FrameWriter((chunk) => socket.write(chunk))
const pipe: HostPipe = { writer, open: new Map() }
const actors = new Map<number, SandboxActor>()
const vigil = new Vigil(limits.awakeMicros)

/** Body: {@link sendLoad}. */
function load(id: number, body: Buffer): void {
  const settingsEnd = 9 + body.readUInt32LE(5)
  const settings = JSON.parse(body.toString('utf8', 9, settingsEnd)) as ActorSettings
  const actor = new SandboxActor(pipe, { ...settings, limits: { ...settings.limits, ...limits } })
  actors.set(body.readUInt32LE(0), actor)
  void actor.load(id, FORMS[body[4]!]!, body.subarray(settingsEnd))
}

/** Body: {@link sendCall}. */
function call(id: number, body: Buffer): void {
  const actor = actors.get(body.readUInt32LE(0))
  const flags = body[4]!
  if ((flags & CallFlag.awake) !== 0) vigil.start()
  const operationEnd = 7 + body.readUInt16LE(5)
  const operation = body.subarray(7, operationEnd)
  const trace = (flags & CallFlag.trace) !== 0
  if ((flags & CallFlag.replay) === 0) {
    actor?.call({ id, operation, payload: body.subarray(operationEnd), trace, replay: undefined })
    return
  }
  const replayEnd = operationEnd + 4 + body.readUInt32LE(operationEnd)
  const replay = body.subarray(operationEnd + 4, replayEnd)
  actor?.call({ id, operation, payload: body.subarray(replayEnd), trace, replay })
}

function onFrame(type: number, id: number, body: Buffer): void {
  if (type === FrameType.call) call(id, body)
  else if (type === FrameType.hostOk || type === FrameType.hostError)
    pipe.open.get(id)?.answer(type === FrameType.hostOk, body)
  else if (type === FrameType.load) load(id, body)
  else if (type === FrameType.drop) actors.delete(id)
}

const read = createFrameReader(0xffff_0000, onFrame)
socket.on('data', (chunk: Buffer) => {
  read(chunk)
  writer.flush()
})
// The host is gone: so is the reason to be here.
for (const event of ['end', 'close', 'error']) socket.on(event, () => process.exit(0))
writer.send(FrameType.ready, 0, new Uint8Array(0))
