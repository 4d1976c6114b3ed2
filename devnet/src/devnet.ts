import type { DevnetPaths } from './paths.ts'
import type { Supervisor } from './processes/supervisor.ts'
import type { DevnetState } from './state.ts'
import type { Steps } from './steps.ts'

/** What the story is given to work with. */
export interface Devnet {
  readonly paths: DevnetPaths
  readonly supervisor: Supervisor
  readonly state: DevnetState
  /** Writes {@link state} to disk; to be called when a change has happened, not before. */
  saveState(): void
  /** Whether a network of an earlier start is being resumed. */
  readonly resumed: boolean
  readonly step: Steps['step']
  /** A line outside of any step. */
  say(text: string, data?: Record<string, unknown>): void
  /** Aborts when the devnet is asked to stop. */
  readonly signal: AbortSignal
}

/** The network once the story is told: where it is, and what to try. */
export interface NetworkUp {
  addresses: Record<string, string>
  commands: string[]
}
