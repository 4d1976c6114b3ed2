import { GuestFault } from '../abi/guest-fault.ts'

/** Kinds of the entries of a trace (spec/host.md §9). */
export const TraceKind = {
  /** What comes before was seen by the instance's start, what follows by the call. Empty; there is exactly one. */
  begin: 0,
  /** u64 nanoseconds since 1970. */
  wallClock: 1,
  /** u64 nanoseconds. */
  monotonicClock: 2,
  /** The bytes. */
  random: 3,
  /** SHA-256 of the names and the payload ‖ u8 1 for an answer, 0 for a refusal ‖ the answer, or the refusal as text. */
  capability: 4,
  /** u64 nanoseconds that were waited. */
  sleep: 5,
} as const

/** A number of {@link TraceKind}. */
export type TraceKind = (typeof TraceKind)[keyof typeof TraceKind]

/** One thing that an actor saw of the world. */
export interface TraceEntry {
  readonly kind: TraceKind
  readonly body: Buffer
}

const VERSION = 1
const HEADER_BYTES = 1
const ENTRY_HEADER_BYTES = 5
const CAPABILITY_HEADER_BYTES = 33
const FIRST_BYTES = 64

/** Collects the entries of one trace: u8 version 1, then of each u8 kind ‖ u32 length ‖ body. */
export class TraceWriter {
  readonly #limitBytes: number
  #buffer = Buffer.allocUnsafe(FIRST_BYTES)
  #length = HEADER_BYTES
  /** An entry did not fit, so that the trace does not tell all. */
  overflown = false

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
    this.#buffer[0] = VERSION
  }

  /** A trace of a call, that begins with what the start of its instance saw. */
  static ofCall(start: TraceWriter): TraceWriter {
    const writer = new TraceWriter(start.#limitBytes)
    writer.#buffer = Buffer.from(start.bytes())
    writer.#length = start.#length
    writer.overflown = start.overflown
    writer.add(TraceKind.begin)
    return writer
  }

  /** Appends an entry whose body is these parts. Over the limit it is left out, and {@link overflown} set. */
  add(kind: TraceKind, ...parts: Uint8Array[]): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    const end = this.#length + ENTRY_HEADER_BYTES + length
    if (end > this.#limitBytes) this.overflown = true
    if (this.overflown) return
    if (end > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(end, 2 * this.#buffer.length))
      this.#buffer.copy(grown, 0, 0, this.#length)
      this.#buffer = grown
    }
    let at = this.#buffer.writeUInt8(kind, this.#length)
    at = this.#buffer.writeUInt32LE(length, at)
    for (const part of parts) {
      this.#buffer.set(part, at)
      at += part.length
    }
    this.#length = end
  }

  /** A view of what was collected. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }
}

/**
 * Reads a trace strictly, entry by entry: what {@link TraceWriter} wrote is all that it accepts.
 * @throws GuestFault `replay-mismatch` for another version, an unknown kind, a body of the wrong size, and anything cut short
 */
export function* readTrace(bytes: Uint8Array): Generator<TraceEntry, void> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (buffer[0] !== VERSION) throw malformed(`version ${VERSION}`, `${buffer[0] ?? 'nothing'}`)
  let begun = false
  for (let at = HEADER_BYTES; at < buffer.length; ) {
    const start = at + ENTRY_HEADER_BYTES
    if (start > buffer.length) throw malformed(`an entry of ${ENTRY_HEADER_BYTES} bytes or more at ${at}`, 'its end')
    const kind = buffer[at] as TraceKind
    const end = start + buffer.readUInt32LE(at + 1)
    const body = buffer.subarray(start, end)
    if (end > buffer.length || !KINDS[kind]?.fits(body, begun))
      throw malformed(`a known kind and all of its body at ${at}`, `kind ${kind} with ${body.length} bytes`)
    begun ||= kind === TraceKind.begin
    at = end
    yield { kind, body }
  }
  if (!begun) throw malformed('an entry where the call begins', 'none')
}

const isU64 = ({ length }: Buffer) => length === 8

/** What each kind is called, and which bodies are its own. */
const KINDS: Readonly<Record<number, { readonly name: string; fits(body: Buffer, begun: boolean): boolean }>> = {
  [TraceKind.begin]: { name: 'the beginning of the call', fits: ({ length }, begun) => length === 0 && !begun },
  [TraceKind.wallClock]: { name: 'the wall clock', fits: isU64 },
  [TraceKind.monotonicClock]: { name: 'the monotonic clock', fits: isU64 },
  [TraceKind.random]: { name: 'random bytes', fits: () => true },
  [TraceKind.capability]: {
    name: 'a capability call',
    fits: (body, begun) => begun && body.length >= CAPABILITY_HEADER_BYTES && body[CAPABILITY_HEADER_BYTES - 1]! <= 1,
  },
  [TraceKind.sleep]: { name: 'a sleep', fits: isU64 },
}

/** Gives the entries of a trace back, in their order. What the actor does otherwise is a `replay-mismatch`. */
export class TraceReader {
  readonly #entries: Generator<TraceEntry, void>
  /** The next entry, if there is one. */
  next: TraceEntry | undefined
  #at = -1

  /** @throws GuestFault `replay-mismatch` as of {@link readTrace}, wherever in the trace it is */
  constructor(bytes: Uint8Array) {
    // One at a time, and again when it is wanted: all at once they could be more than the sandbox's heap.
    for (const _ of readTrace(bytes));
    this.#entries = readTrace(bytes)
    this.#advance()
  }

  /**
   * The body of the next entry, which has to be of this kind, and of this length where one is given.
   * @throws GuestFault `replay-mismatch`
   */
  take(kind: TraceKind, length?: number): Buffer {
    const { next } = this
    if (next?.kind !== kind || (length !== undefined && next.body.length !== length))
      throw this.mismatch(named(kind, length))
    this.#advance()
    return next.body
  }

  /** That the actor does `found` where the trace says otherwise. */
  mismatch(found: string): GuestFault {
    const { next } = this
    const expected = next === undefined ? 'the end of the call' : named(next.kind, next.body.length)
    return new GuestFault('replay-mismatch', `Expected ${expected} as entry ${this.#at} of the trace, found ${found}`)
  }

  #advance(): void {
    this.next = this.#entries.next().value ?? undefined
    this.#at++
  }
}

function named(kind: TraceKind, length: number | undefined): string {
  const { name } = KINDS[kind]!
  return kind === TraceKind.random ? `${length} ${name}` : name
}

function malformed(expected: string, found: string): GuestFault {
  return new GuestFault('replay-mismatch', `Expected a trace with ${expected}, found ${found}`)
}
