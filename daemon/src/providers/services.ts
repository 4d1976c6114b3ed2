import { TeapotError } from '@teapot-network/trust'
import { SERVICES, type ServiceName } from './protocol.ts'
import type { DaemonServices } from './provider.ts'

/** A provider's request of the daemon. */
export interface ServiceRequest {
  readonly service: string
  /** The block's CID, or the actor's name. */
  readonly about: string
  readonly operation: string
  readonly payload: Buffer
}

/**
 * Does what a provider asks, when its grants on the ledger allow it.
 * @param mayCall whether the provider has to do with that actor
 * @throws TeapotError `provider/service-denied`, and what the daemon's own part throws
 */
export async function serveProvider(
  { service, about, operation, payload }: ServiceRequest,
  grants: readonly string[],
  mayCall: (actor: string) => boolean,
  services: DaemonServices | undefined,
): Promise<Uint8Array> {
  const needed = Object.hasOwn(SERVICES, service) ? SERVICES[service as ServiceName] : undefined
  if (needed === undefined || !grants.includes(needed) || services === undefined)
    throw denied(`Expected a service that it was granted (${grants.join(', ')}), found ${service}`)
  switch (service as ServiceName) {
    case 'content.put':
      return Buffer.from(await services.putBlock(payload))
    case 'content.get':
      return services.getBlock(about)
    case 'content.drop':
      await services.dropBlock(about)
      return new Uint8Array(0)
    case 'actor.call':
      if (!mayCall(about)) throw denied(`Expected an actor that is bound to it or has called it, found ${about}`)
      return services.callActor(about, operation, payload)
  }
}

function denied(message: string): TeapotError {
  return new TeapotError('provider/service-denied', message)
}
