import { HostError } from './host-error.ts'
import type { HostLimits } from './limits.ts'
import type { SandboxCode } from './sandbox-code.ts'
import { SandboxProcess } from './sandbox-process.ts'
import { warmUp } from './warm-up.ts'

/** Keeps one sandbox started but without work, so that a killed one is replaced without waiting for a process to start. */
export class WarmSpare implements AsyncDisposable {
  readonly #code: SandboxCode
  readonly #limits: HostLimits
  readonly #alive = new Set<SandboxProcess>()
  #next: SandboxProcess | undefined
  #disposed = false
  /** Whether components have been loaded here, so that spares are made ready for more of them. */
  components = false

  constructor(code: SandboxCode, limits: HostLimits) {
    this.#code = code
    this.#limits = limits
  }

  /** Starts the first spare. @throws HostError `host/sandbox-lost` when it does not come up */
  async start(): Promise<void> {
    this.#next = this.#spawn()
    await this.#next.ready
  }

  /** Hands out a sandbox that is ready, and starts the next. @throws HostError `host/sandbox-lost` when none comes up */
  async take(): Promise<SandboxProcess> {
    if (this.#disposed) throw new HostError('host/sandbox-lost', 'Expected a running host, found one that was closed')
    const taken = this.#next ?? this.#spawn()
    this.#next = undefined
    await taken.ready
    // Starting one takes a core: after those that took theirs have done their first work.
    setTimeout(() => {
      try {
        if (!this.#disposed) this.#next ??= this.#spawn()
      } catch {
        // Whoever takes the next one is told.
      }
    }, 1)
    return taken
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    const all = [...this.#alive]
    for (const sandbox of all) sandbox.kill()
    await Promise.all(all.map((sandbox) => sandbox.exited))
  }

  #spawn(): SandboxProcess {
    const sandbox = new SandboxProcess(this.#code, this.#limits)
    this.#alive.add(sandbox)
    sandbox.onLost = () => {
      if (this.#next === sandbox) this.#next = undefined
    }
    void sandbox.ready.then(
      () => this.#next === sandbox && warmUp(sandbox, this.#limits, this.components),
      () => {},
    )
    void sandbox.exited.then(() => this.#alive.delete(sandbox))
    return sandbox
  }
}
