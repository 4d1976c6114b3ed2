import { concatBytes, TeapotError, utf8 } from '@teapot-network/trust'

/** One message on a lattice stream (spec/lattice.md §2). */
export type Frame =
  | { kind: 'request'; id: number; method: string; body: Uint8Array }
  | { kind: 'answer'; id: number; body: Uint8Array }
  | { kind: 'refusal'; id: number; body: Uint8Array }

/** No frame of the lattice is larger: evidence with a log of 1,000 entries takes some 200 KB. */
export const FRAME_SIZE_LIMIT_BYTES = 4 << 20

const KINDS = ['request', 'answer', 'refusal'] as const

/** `u32be size ‖ u32be id ‖ u8 kind ‖ (request only: u8 length ‖ method) ‖ body`; size counts what follows it. */
export function encodeFrame(frame: Frame): Uint8Array {
  const method = frame.kind === 'request' ? utf8(frame.method) : undefined
  const head = new Uint8Array(9 + (method ? 1 : 0))
  const view = new DataView(head.buffer)
  view.setUint32(0, 5 + (method ? 1 + method.length : 0) + frame.body.length)
  view.setUint32(4, frame.id)
  view.setUint8(8, KINDS.indexOf(frame.kind))
  if (!method) return concatBytes(head, frame.body)
  view.setUint8(9, method.length)
  return concatBytes(head, method, frame.body)
}

/**
 * Cuts frames out of a byte stream that arrives in pieces.
 * @throws TeapotError `lattice/bad-frame` for a size, kind or method that can't be; the stream is then to be closed.
 */
export function createFrameReader(onFrame: (frame: Frame) => void): (piece: Uint8Array) => void {
  let held: Uint8Array = new Uint8Array(0)
  return (piece) => {
    held = held.length === 0 ? piece : concatBytes(held, piece)
    while (held.length >= 4) {
      const size = new DataView(held.buffer, held.byteOffset).getUint32(0)
      if (size < 5 || size > FRAME_SIZE_LIMIT_BYTES) throw badFrame(`a size of 5 to ${FRAME_SIZE_LIMIT_BYTES}`, size)
      if (held.length < 4 + size) return
      onFrame(parseFrame(held.slice(4, 4 + size)))
      held = held.subarray(4 + size)
    }
  }
}

function parseFrame(bytes: Uint8Array): Frame {
  const id = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  const kind = KINDS[bytes[4]!]
  if (kind === undefined) throw badFrame('a kind of 0, 1 or 2', bytes[4]!)
  if (kind !== 'request') return { kind, id, body: bytes.subarray(5) }
  const length = bytes[5]
  if (length === undefined || 6 + length > bytes.length) throw badFrame('a method inside the frame', length ?? 'none')
  const method = new TextDecoder().decode(bytes.subarray(6, 6 + length))
  return { kind, id, method, body: bytes.subarray(6 + length) }
}

function badFrame(expected: string, found: number | string): TeapotError {
  return new TeapotError('lattice/bad-frame', `Cannot read a lattice frame: expected ${expected}, found ${found}`)
}
