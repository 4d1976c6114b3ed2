import { GuestFault } from '../guest-fault.ts'
import { Errno, refuse } from './errno.ts'

const EMPTY = new Uint8Array(0)
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A guest's memory as the host may touch it: every range is checked, a bad one is EFAULT; what is moved is charged for. */
export class GuestMemory {
  readonly #memory: () => WebAssembly.Memory | undefined
  readonly #charge: (bytes: number) => void
  #bytes: Uint8Array = EMPTY
  #view = new DataView(EMPTY.buffer)

  /**
   * @param memory the guest's, once it is there
   * @param charge is told how many bytes are about to be moved; may throw
   */
  constructor(memory: () => WebAssembly.Memory | undefined, charge: (bytes: number) => void) {
    this.#memory = memory
    this.#charge = charge
  }

  /** Checks that a range lies in memory. @returns its start. @throws Refused fault */
  range(at: number, length: number): number {
    const start = at >>> 0
    if (start + length > this.#refresh()) refuse(Errno.fault)
    return start
  }

  /** A view of a range, good until the guest runs on; not charged for. An empty range may lie anywhere. @throws Refused fault */
  view(at: number, length: number): Uint8Array {
    const size = length >>> 0
    if (size === 0) return EMPTY
    const start = this.range(at, size)
    return this.#bytes.subarray(start, start + size)
  }

  /** The same for a range all of which is moved: charged for. */
  bytes(at: number, length: number): Uint8Array {
    const found = this.view(at, length)
    this.#charge(found.length)
    return found
  }

  /** Text of a path or target. @throws Refused fault; ilseq when it is not UTF-8 */
  text(at: number, length: number): string {
    const bytes = this.bytes(at, length)
    try {
      return strictDecoder.decode(bytes)
    } catch {
      return refuse(Errno.ilseq)
    }
  }

  u8(at: number): number {
    const start = this.range(at, 1)
    return this.#view.getUint8(start)
  }

  u16(at: number): number {
    const start = this.range(at, 2)
    return this.#view.getUint16(start, true)
  }

  u32(at: number): number {
    const start = this.range(at, 4)
    return this.#view.getUint32(start, true)
  }

  u64(at: number): bigint {
    const start = this.range(at, 8)
    return this.#view.getBigUint64(start, true)
  }

  setU8(at: number, value: number): void {
    const start = this.range(at, 1)
    this.#view.setUint8(start, value)
  }

  setU16(at: number, value: number): void {
    const start = this.range(at, 2)
    this.#view.setUint16(start, value, true)
  }

  setU32(at: number, value: number): void {
    const start = this.range(at, 4)
    this.#view.setUint32(start, value, true)
  }

  setU64(at: number, value: bigint): void {
    const start = this.range(at, 8)
    this.#view.setBigUint64(start, value, true)
  }

  /** Views of a memory that grew are detached and have length 0. */
  #refresh(): number {
    if (this.#bytes.length > 0) return this.#bytes.length
    const memory = this.#memory()
    if (memory === undefined)
      throw new GuestFault(
        'trap',
        'Expected a guest that calls its host once its memory is there, found an earlier call',
      )
    this.#bytes = new Uint8Array(memory.buffer)
    this.#view = new DataView(memory.buffer)
    return this.#bytes.length
  }
}
