import type { HostInterface } from './host-interface.ts'

/** `teapot:actor/host` (host/wit/actor.wit). */
export const ACTOR_INTERFACES: Readonly<Record<string, HostInterface>> = {
  'teapot:actor/host': {
    versions: /^0\.1\.\d+$/,
    waits: ['invoke'],
    create: (world) => ({
      // invoke: func(binding: string, capability: string, operation: string, payload: list<u8>) -> result<list<u8>, string>
      invoke: (binding: string, capability: string, operation: string, payload: Uint8Array) =>
        world.invoke(binding, capability, operation, payload),

      // log: func(text: string)
      log(text: string): void {
        world.charge(text.length)
        world.surroundings.log(text)
      },
    }),
  },
}
