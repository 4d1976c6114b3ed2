/** Bytes before a frame's body: u32le length of all that follows, u8 type, u32le id (spec/host.md §4). */
export const FRAME_HEADER_BYTES = 9
const AFTER_LENGTH_BYTES = 5
/** A batch buffer above this is handed to the stream instead of being copied and kept. */
const KEEP_BYTES = 256 << 10

/** A peer broke the framing, or sent a frame that does not fit what it was asked. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
}

/** Gets each whole frame. `body` is a view into what was read: it stays valid, but keeps its batch in memory. */
export type FrameHandler = (type: number, id: number, body: Buffer) => void

/**
 * Cuts a byte stream into frames, whatever the chunks it arrives in. A frame inside one chunk is not copied.
 * @returns a function to be fed every chunk; it throws {@link FrameError} for a length below the header's rest or a body
 * above `maxBodyBytes`, and whatever `onFrame` throws. After that the stream is lost.
 */
export function createFrameReader(maxBodyBytes: number, onFrame: FrameHandler): (chunk: Buffer) => void {
  const header = Buffer.alloc(FRAME_HEADER_BYTES)
  let headerFilled = 0
  let body: Buffer | undefined
  let bodyFilled = 0

  const bodyLength = (from: Buffer, at: number): number => {
    const length = from.readUInt32LE(at) - AFTER_LENGTH_BYTES
    if (length < 0 || length > maxBodyBytes)
      throw new FrameError(`Expected a frame body of 0 to ${maxBodyBytes} bytes, found one of ${length}`)
    return length
  }

  return (chunk) => {
    let at = 0
    while (at < chunk.length || (body !== undefined && bodyFilled === body.length)) {
      if (body !== undefined) {
        const taken = chunk.copy(body, bodyFilled, at)
        at += taken
        bodyFilled += taken
        if (bodyFilled < body.length) return
        const whole = body
        body = undefined
        headerFilled = 0
        onFrame(header[4]!, header.readUInt32LE(5), whole)
        continue
      }
      if (headerFilled === 0 && chunk.length - at >= FRAME_HEADER_BYTES) {
        const start = at + FRAME_HEADER_BYTES
        const end = start + bodyLength(chunk, at)
        if (end <= chunk.length) {
          const type = chunk[at + 4]!
          const id = chunk.readUInt32LE(at + 5)
          at = end
          onFrame(type, id, chunk.subarray(start, end))
          continue
        }
      }
      const taken = chunk.copy(header, headerFilled, at, at + FRAME_HEADER_BYTES - headerFilled)
      at += taken
      headerFilled += taken
      if (headerFilled < FRAME_HEADER_BYTES) return
      body = Buffer.allocUnsafeSlow(bodyLength(header, 0))
      bodyFilled = 0
    }
  }
}

/** Collects frames and writes them in one go: when the event loop has run its callbacks, or at {@link flush}. */
export class FrameWriter {
  /** Where the frame reserved last is to be filled in; changes with every {@link reserve}. */
  buffer: Buffer = Buffer.allocUnsafeSlow(16 << 10)
  #end = 0
  #scheduled: NodeJS.Immediate | undefined
  readonly #write: (chunk: Buffer) => void
  readonly #flush = () => this.flush()

  constructor(write: (chunk: Buffer) => void) {
    this.#write = write
  }

  /** Reserves one frame of exactly `bodyLength` bytes. @returns the offset in {@link buffer} at which its body begins. */
  reserve(type: number, id: number, bodyLength: number): number {
    const start = this.#end
    const end = start + FRAME_HEADER_BYTES + bodyLength
    if (end > this.buffer.length) this.#grow(end)
    const buffer = this.buffer
    buffer.writeUInt32LE(AFTER_LENGTH_BYTES + bodyLength, start)
    buffer[start + 4] = type
    buffer.writeUInt32LE(id, start + 5)
    this.#end = end
    this.#scheduled ??= setImmediate(this.#flush)
    return start + FRAME_HEADER_BYTES
  }

  /** Adds one frame with this body. */
  send(type: number, id: number, body: Uint8Array): void {
    const at = this.reserve(type, id, body.length)
    this.buffer.set(body, at)
  }

  /** Writes what is waiting now. */
  flush(): void {
    if (this.#end === 0) return
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
    const batch = this.buffer.subarray(0, this.#end)
    this.#end = 0
    if (this.buffer.length <= KEEP_BYTES) {
      this.#write(Buffer.from(batch))
      return
    }
    this.buffer = Buffer.allocUnsafeSlow(16 << 10)
    this.#write(batch)
  }

  #grow(size: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(size, this.buffer.length * 2))
    this.buffer.copy(grown, 0, 0, this.#end)
    this.buffer = grown
  }
}

/** Writes a frame whose body is `names`, each u16le length ‖ UTF-8, and then `payload`. */
export function sendNamed(
  writer: FrameWriter,
  type: number,
  id: number,
  names: readonly Uint8Array[],
  payload: Uint8Array,
): void {
  let size = payload.length
  for (const name of names) size += 2 + name.length
  let at = writer.reserve(type, id, size)
  for (const name of names) {
    at = writer.buffer.writeUInt16LE(name.length, at)
    writer.buffer.set(name, at)
    at += name.length
  }
  writer.buffer.set(payload, at)
}

/**
 * Reads what {@link sendNamed} wrote.
 * @throws FrameError when a name is longer than `nameBytes` or does not end inside the body, or the payload exceeds `payloadBytes`
 */
export function parseNamed(
  body: Buffer,
  count: number,
  limits: { readonly nameBytes: number; readonly payloadBytes: number },
): { names: string[]; payload: Buffer } {
  const names: string[] = []
  let at = 0
  for (let i = 0; i < count; i++) {
    const start = at + 2
    const length = start > body.length ? -1 : body.readUInt16LE(at)
    at = start + length
    if (length < 0 || length > limits.nameBytes || at > body.length)
      throw new FrameError(
        `Expected name ${i} of at most ${limits.nameBytes} bytes in a frame of ${body.length}, found ${length}`,
      )
    names.push(body.toString('utf8', start, at))
  }
  const payload = body.subarray(at)
  if (payload.length > limits.payloadBytes)
    throw new FrameError(`Expected a payload of at most ${limits.payloadBytes} bytes, found ${payload.length}`)
  return { names, payload }
}
