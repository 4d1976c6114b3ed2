import { type CreateProvider, type ProviderCall, ProviderRefusal } from '../provider.ts'
import { keyvalueCapabilities } from './keyvalue/operations.ts'
import { RedisConnection } from './keyvalue/redis-connection.ts'
import { redisStore } from './keyvalue/redis-store.ts'
import type { Store } from './keyvalue/store.ts'
import { privateExceptions } from './network/reachable.ts'
import { textSetting } from './operator.ts'

const MAX_STORES = 64
/** The owner of a machine knows where their own Redis is. */
const ANYWHERE = () => true

/**
 * `wascc:keyvalue` and `wasi:keyvalue` on Redis. Grant `net`. A binding's setting `url` says where; without one it is the Redis
 * that the machine's owner set as `url`. Keys are prefixed by actor and binding wherever they are kept. An address that is
 * not public takes the owner's exception (`private`), as for HTTP.
 */
const create: CreateProvider = ({ operator }) => {
  const ownUrl = textSetting(operator, 'url')
  const own = ownUrl === undefined ? undefined : storeAt(ownUrl, ANYWHERE)
  const stores = new Map<string, Store>()

  const storeOf = (call: ProviderCall): Store => {
    const url = call.settings['url']
    if (url === undefined) {
      if (own !== undefined) return own
      throw new ProviderRefusal(
        'provider/bad-settings',
        "Expected a setting url of the binding, or one of this machine's owner, found neither",
      )
    }
    const id = JSON.stringify([call.actor, call.settings['private'], url])
    const known = stores.get(id) ?? storeAt(url, privateExceptions(operator, call))
    // The one used last goes to the end.
    stores.delete(id)
    stores.set(id, known)
    if (stores.size > MAX_STORES) forgetFirst(stores)
    return known
  }
  return {
    capabilities: keyvalueCapabilities(storeOf),
    close: () => [own, ...stores.values()].forEach((store) => void store?.close()),
  }
}

export default create

function storeAt(url: string, exceptions: (address: string, port: number) => boolean): Store {
  const connection = new RedisConnection(url, exceptions)
  return redisStore(connection.command, connection.close)
}

function forgetFirst(stores: Map<string, Store>): void {
  const [[id, store] = []] = stores
  store?.close()
  stores.delete(id ?? '')
}
