import { FrameType } from '../messages.ts'

/**
 * The code of a sandbox that was taken over: it says that it is ready, answers loads, and does as it is told with all other frames.
 * @param onFrame statements of JavaScript that see `type`, `id`, `body`, `pipe` and `frame(type, id, body)`
 * @param before statements that come first
 */
export const fakeSandbox = (onFrame: string, before = ''): string => `
import { Socket } from 'node:net'
const pipe = new Socket({ fd: 3 })
const frame = (type, id, body) => { const f = Buffer.alloc(9 + body.length); f.writeUInt32LE(5 + body.length, 0); f[4] = type; f.writeUInt32LE(id, 5); body.copy(f, 9); return f }
${before}
let held = Buffer.alloc(0)
pipe.on('data', (chunk) => {
  held = Buffer.concat([held, chunk])
  while (held.length >= 4 && held.length >= 4 + held.readUInt32LE(0)) {
    const [type, id] = [held[4], held.readUInt32LE(5)]
    const body = held.subarray(9, 4 + held.readUInt32LE(0))
    held = held.subarray(4 + held.readUInt32LE(0))
    if (type === ${FrameType.load} && id !== 0) pipe.write(frame(${FrameType.ok}, id, Buffer.of(0, 0, 0, 0, 0, 0, 1, 0)))
    ${onFrame}
  }
})
pipe.on('end', () => process.exit())
pipe.write(frame(${FrameType.ready}, 0, Buffer.alloc(0)))
`
