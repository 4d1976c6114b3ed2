import type { Surroundings } from '../program.ts'
import type { Descriptors } from './descriptors.ts'
import type { GuestMemory } from './guest-memory.ts'
import type { ScratchTree } from './scratch-tree.ts'

/** What the WASI functions of one instance work on. */
export interface WasiOptions {
  readonly surroundings: Surroundings
  /** The instance's exported memory, once it is there. */
  readonly memory: () => WebAssembly.Memory | undefined
  /** UTF-8, the program's name first. */
  readonly args: readonly Uint8Array[]
  readonly stdin: Uint8Array
  /** Get what the guest writes; the bytes are the guest's own, good until the function returns. May throw GuestFault. */
  readonly stdout: (bytes: Uint8Array) => void
  readonly stderr: (bytes: Uint8Array) => void
  /** Is charged for every call before it is done (spec/host.md §8). */
  readonly gauge: { charge(units: number): void }
  /** Whether the guest runs inside of `WebAssembly.promising`, so that `poll_oneoff` can suspend it; else it only waits for nothing. */
  readonly suspends: boolean
}

/** What the WASI functions of one instance share. */
export interface WasiContext extends Pick<WasiOptions, 'args' | 'stdin' | 'stdout' | 'stderr'> {
  readonly surroundings: Pick<Surroundings, 'environment' | 'wallClock' | 'monotonicClock' | 'random' | 'sleep'>
  readonly memory: GuestMemory
  /** Put back for each call; look them up anew. */
  descriptors: Descriptors
  tree: ScratchTree | undefined
  /** Bytes of stdin that have been read. */
  inputRead: number
  readonly charge: (units: number) => void
}
