import { randomUUID } from 'node:crypto'
import { encodeMessagePack } from '@teapot-network/host/message-pack'
import { type DaemonServices, ProviderRefusal, type TellableBinding } from '../../provider.ts'
import { commaSeparated } from '../network/address-list.ts'
import { Mailbox } from './mailbox.ts'
import { parsePattern, parseSubject, type SubjectTest } from './subject.ts'

/** A message as it is published. */
export interface Message {
  readonly subject: string
  readonly replyTo: string
  readonly body: Uint8Array
  readonly metadata?: readonly (readonly [string, Uint8Array])[]
}

interface Subscription {
  readonly publisher: string
  readonly patterns: readonly SubjectTest[]
  /** Members of one group share: each message goes to one of them. */
  readonly group: string | undefined
  readonly mailbox: Mailbox
}

interface Inbox {
  readonly publisher: string
  readonly take: (body: Uint8Array) => void
}

const INBOX = '_INBOX'
const MAX_CONCURRENCY = 16

/**
 * Carries messages between actors of one publisher, in this process: at most once, in order for each subscriber, and lost when
 * the subscriber fails, its mailbox is full, or the process ends. Actors of different publishers never hear one another.
 */
export class Broker {
  readonly #daemon: DaemonServices
  /** By actor, then by capability and binding. */
  readonly #subscriptions = new Map<string, Map<string, Subscription>>()
  readonly #inboxes = new Map<string, Inbox>()
  #turn = 0

  constructor(daemon: DaemonServices) {
    this.#daemon = daemon
  }

  /** Sets all subscriptions of an actor; what waits for one that stays is kept. A binding whose settings make no sense has none. */
  bind(actor: string, publisher: string, bindings: readonly TellableBinding[]): void {
    const before = this.#subscriptions.get(actor) ?? new Map<string, Subscription>()
    const now = new Map<string, Subscription>()
    for (const { capability, name, settings } of bindings) {
      const id = `${capability} ${name}`
      const subscription = subscriptionOf(settings, publisher, (concurrency) => {
        const mailbox = before.get(id)?.mailbox ?? new Mailbox((message) => this.#deliver(actor, message), concurrency)
        mailbox.concurrency = concurrency
        return mailbox
      })
      if (subscription !== undefined) now.set(id, subscription)
    }
    for (const [id, { mailbox }] of before) if (!now.has(id)) mailbox.clear()
    if (now.size === 0) this.#subscriptions.delete(actor)
    else this.#subscriptions.set(actor, now)
  }

  /**
   * Publishes to whoever subscribes, or to the request whose inbox the subject is.
   * @returns how many take it in
   * @throws ProviderRefusal `provider/bad-subject`
   */
  publish(publisher: string, message: Message): number {
    const tokens = parseSubject(message.subject)
    if (message.replyTo !== '') parseSubject(message.replyTo)
    if (tokens[0] === INBOX) return this.#reply(publisher, message)
    const encoded = encodeMessage(message)
    const takers = this.#takersOf(publisher, tokens, encoded.length)
    return takers.filter(({ mailbox }) => mailbox.offer(encoded)).length
  }

  /**
   * Publishes with an inbox to reply to, and waits for the first reply.
   * @throws ProviderRefusal `provider/no-reply`, `provider/bad-subject`; the signal's reason
   */
  async request(
    publisher: string,
    message: Omit<Message, 'replyTo'>,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { subject } = message
    const replyTo = `${INBOX}.${randomUUID()}`
    const reply = Promise.withResolvers<Uint8Array>()
    this.#inboxes.set(replyTo, { publisher, take: reply.resolve })
    const timer = setTimeout(() => reply.reject(noReply(subject, `none within ${timeoutMs} ms`)), timeoutMs)
    const giveUp = () => reply.reject(signal.reason)
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      if (this.publish(publisher, { ...message, replyTo }) === 0) throw noReply(subject, 'nobody who takes it in')
      return await reply.promise
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
      this.#inboxes.delete(replyTo)
    }
  }

  #reply(publisher: string, { subject, body }: Message): number {
    const inbox = this.#inboxes.get(subject)
    if (inbox?.publisher !== publisher) return 0
    inbox.take(Uint8Array.from(body))
    return 1
  }

  /** Everyone who is in no group, and of each group one, in turns, that has room if any has. */
  #takersOf(publisher: string, subject: readonly string[], sizeBytes: number): Subscription[] {
    const takers: Subscription[] = []
    const groups = new Map<string, Subscription[]>()
    for (const subscriptions of this.#subscriptions.values())
      for (const one of subscriptions.values()) {
        if (one.publisher !== publisher || !one.patterns.some((matches) => matches(subject))) continue
        if (one.group === undefined) takers.push(one)
        else groups.set(one.group, [...(groups.get(one.group) ?? []), one])
      }
    this.#turn++
    for (const members of groups.values()) {
      const free = members.filter(({ mailbox }) => mailbox.hasRoom(sizeBytes))
      const [taker] = free.length === 0 ? members : [free[this.#turn % free.length]!]
      takers.push(taker!)
    }
    return takers
  }

  #deliver(actor: string, message: Uint8Array): Promise<unknown> {
    return this.#daemon.callActor(actor, 'DeliverMessage', message)
  }
}

function subscriptionOf(
  settings: TellableBinding['settings'],
  publisher: string,
  mailbox: (concurrency: number) => Mailbox,
): Subscription | undefined {
  try {
    const patterns = commaSeparated(settings['subscribe']).map(parsePattern)
    if (patterns.length === 0) return undefined
    const wished = Math.trunc(Number(settings['concurrency'] ?? 1)) || 1
    const concurrency = Math.min(Math.max(wished, 1), MAX_CONCURRENCY)
    return { publisher, patterns, group: settings['queue'] || undefined, mailbox: mailbox(concurrency) }
  } catch {
    return undefined
  }
}

function encodeMessage({ metadata = [], ...message }: Message): Uint8Array {
  return encodeMessagePack(metadata.length === 0 ? message : { ...message, metadata })
}

function noReply(subject: string, found: string): ProviderRefusal {
  return new ProviderRefusal('provider/no-reply', `Expected a reply to ${subject}, found ${found}`, {
    kind: 'unavailable',
  })
}
