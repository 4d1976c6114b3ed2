import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ProviderCall, ProviderRefusal } from '../../provider.ts'
import { type AddressTest, commaSeparated, parseAddressList } from './address-list.ts'
import { isPublicAddress } from './public-address.ts'

/** A resolver that says nothing must not hold up a provider. */
const LOOKUP_MS = 3_000

/** An address that was checked, to be connected to. */
export interface CheckedAddress {
  readonly address: string
  readonly family: 4 | 6
}

/**
 * Which addresses that are not public a call may reach after all: those that the machine's owner set for the actor
 * (`private: {"<actor>": […]}` for this provider) and the binding asks for (setting `private`). It takes both: the owner
 * grants, since it is their network, and the binding asks, so that no other binding gets there by a name that lies.
 * @throws ProviderRefusal `provider/bad-settings`
 */
export function privateExceptions(operator: Readonly<Record<string, unknown>>, call: ProviderCall): AddressTest {
  const asked = parseAddressList(commaSeparated(call.settings['private']))
  const byActor = (operator['private'] ?? {}) as Record<string, unknown>
  const own: unknown = Object.hasOwn(byActor, call.actor) ? byActor[call.actor] : []
  if (!Array.isArray(own) || !own.every((entry) => typeof entry === 'string'))
    throw new ProviderRefusal('provider/bad-settings', `Expected a list of addresses for ${call.actor} on this machine`)
  const granted = parseAddressList(own)
  return (address, port) => asked(address, port) && granted(address, port)
}

/**
 * Looks a name up once and checks every address it has; who connects must use these and not look up again, or a name that
 * changes its answer would get past.
 * @param host a name, or an address without brackets
 * @throws ProviderRefusal `provider/address-refused`, `provider/unreachable`
 */
export async function reachable(
  host: string,
  port: number,
  exceptions: AddressTest,
  signal?: AbortSignal,
): Promise<CheckedAddress[]> {
  const found = await addressesOf(host, signal)
  const refused = found.find(({ address }) => !isPublicAddress(address) && !exceptions(address, port))
  if (refused === undefined) return found
  throw new ProviderRefusal(
    'provider/address-refused',
    `Expected a public address of ${host}, or one that this machine's owner granted and the binding's setting private names, found ${refused.address}`,
  )
}

async function addressesOf(host: string, signal: AbortSignal | undefined): Promise<CheckedAddress[]> {
  const family = isIP(host)
  if (family !== 0) return [{ address: host, family: family as 4 | 6 }]
  const late = new AbortController()
  try {
    const tooLate = sleep(LOOKUP_MS, undefined, {
      signal: signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]),
    }).then(() => Promise.reject(new Error('no answer')))
    const found = await Promise.race([lookup(host, { all: true }), tooLate])
    return found.map((one) => ({ address: one.address, family: one.family as 4 | 6 }))
  } catch (cause) {
    throw new ProviderRefusal('provider/unreachable', `Expected ${host} to have an address, found none`, {
      kind: 'unavailable',
      cause,
    })
  } finally {
    late.abort()
  }
}
