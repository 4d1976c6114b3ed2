import type { Surroundings } from '../program.ts'
import type { Descriptors } from './descriptors.ts'
import type { GuestMemory } from './guest-memory.ts'
import type { ScratchTree } from './scratch-tree.ts'

/** What the WASI functions of one instance share. */
export interface WasiContext {
  readonly surroundings: Pick<Surroundings, 'environment' | 'wallClock' | 'monotonicClock' | 'random' | 'sleep'>
  readonly memory: GuestMemory
  /** Put back for each call; look them up anew. */
  descriptors: Descriptors
  tree: ScratchTree | undefined
  /** Bytes of stdin that have been read. */
  inputRead: number
  readonly args: () => readonly Uint8Array[]
  readonly stdin: () => Uint8Array
  readonly stdout: (bytes: Uint8Array) => void
  readonly stderr: (bytes: Uint8Array) => void
  readonly charge: (units: number) => void
}
