import type { Call } from './call.ts'
import { HostError } from './host-error.ts'
import { Lane, type LaneEvents } from './lane.ts'
import type { LaneParts } from './lane-parts.ts'
import type { Release } from './release.ts'

/** What a trust group needs from the host. */
export interface TrustGroupParts extends LaneParts {
  /** Whether there may be one more sandbox than there are. */
  readonly mayGrow: () => boolean
}

/** A backlog that is there so many times running is no burst. */
const BACKLOGS = 2

/**
 * The actors of one publisher and their sandboxes. There is one lane at first. Those at work are measured while calls queue
 * up: when in a while they get less done than is waiting, twice running, there is one more (spec/host.md §5.5).
 */
export class TrustGroup implements LaneEvents {
  readonly #parts: TrustGroupParts
  #lanes: Lane[]
  #bytes = 0
  #backlogs = 0
  #watch: NodeJS.Timeout | undefined

  constructor(parts: TrustGroupParts) {
    this.#parts = parts
    this.#lanes = [new Lane(parts, this)]
  }

  /** Lanes with a sandbox at work, or starting. */
  get lanes(): Lane[] {
    return this.#lanes.filter((lane) => lane.hasSandbox)
  }

  /** Takes a call in; it settles by its deadline at the latest. @throws HostError `host/overloaded` */
  submit(call: Call): Lane {
    const { release } = call
    this.#checkRoom(call)
    this.#bytes += call.payload.length
    release.active++
    const lane = this.#lanes.length === 1 ? this.#lanes[0]! : this.#leastBurdened()
    lane.submit(call)
    if (this.#watch === undefined && lane.running > 1 && this.#parts.limits.lanes > 1) this.#watchBacklog()
    return lane
  }

  /** Lets the sandboxes forget a release without calls. */
  forget(release: Release): void {
    for (const lane of this.#lanes) lane.forget(release)
  }

  /** Sends a release that was loaded wherever the one before it is. */
  prepareSwap(before: Release, release: Release): void {
    for (const lane of this.#lanes) lane.prepareSwap(before, release)
  }

  /** Gives up one of several sandboxes, as soon as its calls have ended: another trust group has none. @returns whether it does */
  shed(): boolean {
    const staying = this.#lanes.filter((lane) => !lane.draining)
    if (staying.length < 2) return false
    staying.at(-1)!.drain()
    return true
  }

  /** Fails everything under way and ends. */
  close(error: HostError): void {
    clearTimeout(this.#watch)
    for (const lane of [...this.#lanes]) lane.close(error)
  }

  onSettled({ payload, release, onSettled }: Call): void {
    this.#bytes -= payload.length
    release.active--
    onSettled?.()
    if (release.superseded && release.active === 0) this.forget(release)
  }

  /** One that takes calls stays, without a sandbox: one that is given up for another group must get no more. */
  onRetired(lane: Lane): void {
    const others = this.#lanes.filter((other) => other !== lane)
    if (others.some((other) => !other.draining)) this.#lanes = others
  }

  #checkRoom({ release, payload }: Call): void {
    const { calls, callBytes } = this.#parts.limits
    const { concurrency } = release.settings.limits
    let size = 0
    for (const lane of this.#lanes) size += lane.size
    if (size >= calls || this.#bytes + payload.length > callBytes)
      throw overloaded(release, `${calls} calls and ${callBytes} bytes under way for ${release.publisher}`)
    if (release.active >= concurrency) throw overloaded(release, `${concurrency} calls of ${release.name} under way`)
  }

  #leastBurdened(): Lane {
    let [best] = this.#lanes as [Lane]
    for (const lane of this.#lanes) if (lane.burden < best.burden) best = lane
    return best
  }

  #watchBacklog(): void {
    const before = new Map(this.#lanes.map((lane) => [lane, lane.progress]))
    this.#watch = setTimeout(() => {
      this.#watch = undefined
      const done = (lane: Lane) => lane.progress - (before.get(lane) ?? 0)
      for (const lane of this.#lanes) lane.stalled = lane.running > 0 && done(lane) === 0
      const behind = this.#lanes.every((lane) => lane.running > 1 && lane.running > done(lane))
      this.#backlogs = behind ? this.#backlogs + 1 : 0
      if (this.#backlogs >= BACKLOGS) this.#grow()
      if (this.#lanes.some((lane) => lane.running > 1)) this.#watchBacklog()
      else this.#backlogs = 0
    }, this.#parts.limits.backlogMs)
    this.#watch.unref()
  }

  #grow(): void {
    this.#backlogs = 0
    if (this.#lanes.length >= this.#parts.limits.lanes || !this.#parts.mayGrow()) return
    const lane = new Lane(this.#parts, this)
    this.#lanes = [...this.#lanes, lane]
    lane.open()
  }
}

function overloaded(release: Release, limit: string): HostError {
  return new HostError('host/overloaded', `Expected at most ${limit}, found more; try again`, {
    kind: 'unavailable',
    release,
  })
}
