import type { Call } from './call.ts'
import type { HostLimits } from './limits.ts'
import type { Release } from './release.ts'
import type { SandboxProcess } from './sandbox-process.ts'

/** What a lane needs from the host. */
export interface LaneParts {
  readonly limits: HostLimits
  /** A sandbox that is ready. */
  readonly takeSandbox: () => Promise<SandboxProcess>
  /** Serves a capability call: checks the actor's right to it, and sets the call's `refused` and `effects`. */
  readonly serve: (call: Call, names: readonly string[], payload: Uint8Array) => Promise<Uint8Array>
  /** A module to send. @throws HostError when it was lost; the release is to be loaded anew */
  readonly moduleOf: (release: Release) => Uint8Array
  /** Told each line that an actor wrote to its console. */
  readonly onLog: (line: { readonly actor: Release; readonly text: string }) => void
}
