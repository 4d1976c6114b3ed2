import { createClient, ErrorReply, RESP_TYPES } from '@redis/client'
import { ProviderRefusal } from '../../provider.ts'
import type { AddressTest } from '../network/address-list.ts'
import { reachable } from '../network/reachable.ts'
import type { Command } from './redis-store.ts'

const CONNECT_MS = 3_000
/** A connection that is silent for so long is closed: idle, or one whose server has gone without a word. */
const SILENCE_MS = 5_000

/** Where a Redis is, and how to log in. */
interface Place {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly username: string
  readonly password: string
  readonly database: number
}

/** One connection to a Redis: opened by the first command, and again by the next one after it was lost. */
export class RedisConnection {
  readonly #place: Place
  readonly #exceptions: AddressTest
  #client: Promise<Client> | undefined

  /**
   * @param url `redis://` or `rediss://`
   * @throws ProviderRefusal `provider/bad-settings`
   */
  constructor(url: string, exceptions: AddressTest) {
    this.#place = parseUrl(url)
    this.#exceptions = exceptions
  }

  /**
   * Sends one command, once: what was under way when the connection broke may have been done or not, and is not sent again.
   * @throws ProviderRefusal `provider/unreachable`, `provider/address-refused`, `provider/quota-exceeded`
   */
  readonly command: Command = async (args) => {
    const client = await this.#connected()
    try {
      const sent = args.map((arg) => (typeof arg === 'string' ? arg : Buffer.from(arg)))
      return await client.sendCommand(sent, { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } })
    } catch (error) {
      throw error instanceof ErrorReply ? serverRefusal(error) : unreachable(this.#place, error)
    }
  }

  readonly close = (): void => {
    const client = this.#client
    this.#client = undefined
    client?.then(
      (open) => open.destroy(),
      () => {},
    )
  }

  #connected(): Promise<Client> {
    if (this.#client !== undefined) return this.#client
    const mine: Promise<Client> = this.#connect(() => {
      if (this.#client === mine) this.#client = undefined
    })
    this.#client = mine
    return mine
  }

  async #connect(lost: () => void): Promise<Client> {
    try {
      const [to] = await reachable(this.#place.host, this.#place.port, this.#exceptions)
      const client = openClient(this.#place, to!.address)
      // An error is its end, since it does not reconnect by itself; the next command opens another.
      client.once('error', lost)
      client.on('error', () => client.destroy())
      await client.connect()
      return client
    } catch (error) {
      lost()
      throw error instanceof ProviderRefusal ? error : unreachable(this.#place, error)
    }
  }
}

type Client = ReturnType<typeof openClient>

function openClient(place: Place, address: string) {
  const { host, port, username, password, database } = place
  const socket = {
    ...{
      host: address,
      port,
      connectTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      reconnectStrategy: false as const,
    },
    ...(place.tls ? { tls: true as const, servername: host } : {}),
  }
  return createClient({
    ...{ socket, database, RESP: 2, disableOfflineQueue: true, disableClientInfo: true },
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password }),
    maintNotifications: 'disabled',
  })
}

/** The URL is not told: it may hold a password. */
function parseUrl(text: string): Place {
  const url = URL.parse(text)
  const database = url?.pathname.slice(1) || '0'
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === '' || !/^[0-9]{1,4}$/.test(database))
    throw new ProviderRefusal('provider/bad-settings', 'Expected a url such as redis://redis.example.com:6379/0')
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 6379),
    tls: url.protocol === 'rediss:',
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: Number(database),
  }
}

function unreachable({ host, port }: Place, cause: unknown): ProviderRefusal {
  return new ProviderRefusal(
    'provider/unreachable',
    `Expected an answer of Redis at ${host}:${port}, found ${(cause as Error).message}; what was asked may have been done or not`,
    { kind: 'unavailable', cause },
  )
}

/** What a server says before it has looked at the command: while it starts, or waits for another (redis.io/docs, errors). */
const NOT_NOW = /^(LOADING|BUSY|MASTERDOWN|TRYAGAIN|CLUSTERDOWN) /

function serverRefusal(error: ErrorReply): Error {
  if (NOT_NOW.test(error.message))
    return new ProviderRefusal(
      'provider/unreachable',
      `Expected an answer of Redis, found ${error.message}; nothing was done`,
      {
        kind: 'unavailable',
        cause: error,
      },
    )
  if (!error.message.startsWith('OOM')) return error
  return new ProviderRefusal('provider/quota-exceeded', `Expected room in Redis, found ${error.message}`)
}
