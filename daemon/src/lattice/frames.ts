import { concatBytes, TeapotError, utf8 } from '@teapot-network/trust'

/** One message on a lattice stream (spec/lattice.md §2). */
export type Frame =
  | { kind: 'request'; id: number; method: string; body: Uint8Array }
  | { kind: 'answer'; id: number; body: Uint8Array }
  | { kind: 'refusal'; id: number; body: Uint8Array }

/** No frame of the lattice is larger: evidence with a log of 1,000 entries takes some 200 KB. */
export const FRAME_SIZE_LIMIT_BYTES = 4 << 20
/** What a stranger may have held for it: requests are small, the largest is a credential to activate. */
export const REQUEST_SIZE_LIMIT_BYTES = 8 << 10

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
 * Cuts frames out of a byte stream that arrives in pieces, however small: what is held grows by doubling, up to one frame.
 * @throws TeapotError `lattice/bad-frame` for a size, kind or method that can't be; the stream is then to be closed.
 */
export function createFrameReader(
  onFrame: (frame: Frame) => void,
  limitBytes = FRAME_SIZE_LIMIT_BYTES,
): (piece: Uint8Array) => void {
  let held = new Uint8Array(0)
  let end = 0
  return (piece) => {
    if (end + piece.length > held.length) {
      const grown = new Uint8Array(Math.max(2 * end, end + piece.length))
      grown.set(held.subarray(0, end))
      held = grown
    }
    held.set(piece, end)
    end += piece.length
    let at = 0
    while (end - at >= 4) {
      const size = new DataView(held.buffer).getUint32(at)
      if (size < 5 || size > limitBytes) throw badFrame(`a size of 5 to ${limitBytes}`, size)
      if (end - at < 4 + size) break
      onFrame(parseFrame(held.slice(at + 4, at + 4 + size)))
      at += 4 + size
    }
    if (at === 0) return
    held = held.slice(at, end)
    end -= at
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
