import { HostError } from './host-error.ts'
import type { Lane } from './lane.ts'
import type { SandboxProcess } from './sandbox-process.ts'
import { TrustGroup, type TrustGroupParts } from './trust-group.ts'

/** The trust groups of a host, one for each publisher, which share so many sandboxes: who has least use of one makes room. */
export class TrustGroups {
  readonly #parts: TrustGroupParts
  readonly #takeSpare: TrustGroupParts['takeSandbox']
  readonly #groups = new Map<string, TrustGroup>()

  /** @param parts `takeSandbox` starts one more, whether there may be one or not */
  constructor(parts: Omit<TrustGroupParts, 'mayGrow'>) {
    this.#takeSpare = parts.takeSandbox
    const mayGrow = () => this.#lanes().length < parts.limits.sandboxes
    this.#parts = { ...parts, mayGrow, takeSandbox: () => this.#takeSandbox() }
  }

  of(publisher: string): TrustGroup {
    let group = this.#groups.get(publisher)
    if (group === undefined) {
      group = new TrustGroup(this.#parts)
      this.#groups.set(publisher, group)
    }
    return group
  }

  sandboxes(): { publisher: string; pid: number | undefined }[] {
    return [...this.#groups].flatMap(([publisher, { lanes }]) => lanes.map(({ pid }) => ({ publisher, pid })))
  }

  /** Fails everything under way and ends. */
  close(error: HostError): void {
    for (const group of this.#groups.values()) group.close(error)
  }

  #lanes(): Lane[] {
    return [...this.#groups.values()].flatMap(({ lanes }) => lanes).filter(({ draining }) => !draining)
  }

  #takeSandbox(): Promise<SandboxProcess> {
    const { sandboxes } = this.#parts.limits
    const lanes = this.#lanes()
    // The lane that asks counts as at work already.
    if (lanes.length > sandboxes) {
      const [idlest] = lanes.filter(({ idle }) => idle).sort((a, b) => a.idleSince - b.idleSince)
      const groups = [...this.#groups.values()].sort((a, b) => b.lanes.length - a.lanes.length)
      if (idlest !== undefined) idlest.retire()
      else if (!groups.some((group) => group.shed())) return Promise.reject(allAtWork(sandboxes))
    }
    return this.#takeSpare()
  }
}

function allAtWork(sandboxes: number): HostError {
  const text = `Expected at most ${sandboxes} publishers at work at a time, found more; try again`
  return new HostError('host/overloaded', text, { kind: 'unavailable' })
}
