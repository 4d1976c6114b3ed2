import type { World } from './world.ts'

/** What the host hands out to a component by a handle. It counts until the component drops it. */
export abstract class Resource {
  protected readonly world: World

  /** @throws GuestFault when the instance holds too many */
  constructor(world: World) {
    this.world = world
    world.hold(1)
  }

  /** The component has dropped its handle. */
  [Symbol.dispose](): void {
    this.world.hold(-1)
  }
}
