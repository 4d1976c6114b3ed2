import type { CreateProvider, ProviderCall } from '../provider.ts'
import { Broker, type Message } from './messaging/broker.ts'
import { Request, wasi } from './request.ts'

const DEFAULT_TIMEOUT_MS = 1_000
const MAX_TIMEOUT_MS = 9_000
const NOTHING = new Uint8Array(0)

/**
 * `wascc:messaging` and `wasi:messaging` between the actors of one publisher on this node. Grant `actors`. A binding subscribes by
 * its settings: `subscribe`, patterns parted by commas; `queue`, the name of a group that shares; `concurrency`, 1 to 16.
 * Deliveries are calls of the actor with the operation DeliverMessage (spec/host.md §6.11).
 */
const create: CreateProvider = ({ daemon }) => {
  const broker = new Broker(daemon)
  const ask = (call: ProviderCall, message: Omit<Message, 'replyTo'>, timeoutMs = 0) =>
    broker.request(call.publisher, message, Math.min(timeoutMs || DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS), call.signal)
  return {
    capabilities: {
      'wascc:messaging': {
        Publish(call) {
          broker.publish(call.publisher, brokerMessage(call.payload))
          return NOTHING
        },
        Request(call) {
          const request = Request.parse(call.payload, ['subject', 'body', 'timeout'])
          const message = { subject: request.text('subject'), body: request.optionalBytes('body') ?? NOTHING }
          // The bytes of the reply, without MessagePack around them.
          return ask(call, message, request.optionalNatural('timeout'))
        },
      },
      'wasi:messaging': {
        'producer.send': wasi(['subject', 'body', 'metadata'], (request, call) => {
          broker.publish(call.publisher, { ...wasiMessage(request), replyTo: '' })
        }),
        'request-reply.request': wasi(['subject', 'body', 'metadata', 'timeoutMs'], (request, call) =>
          ask(call, wasiMessage(request), request.optionalNatural('timeoutMs')),
        ),
        'request-reply.reply': wasi(['replyTo', 'body', 'metadata'], (request, call) => {
          const subject = request.text('replyTo')
          broker.publish(call.publisher, { subject, replyTo: '', body: request.bytes('body') })
        }),
      },
    },
    bind: (actor, publisher, bindings) => broker.bind(actor, publisher, bindings),
  }
}

export default create

/** What `wascc:messaging` calls a BrokerMessage. */
function brokerMessage(payload: Uint8Array): Message {
  const request = Request.parse(payload, ['subject', 'replyTo', 'body'])
  const body = request.optionalBytes('body') ?? NOTHING
  return { subject: request.text('subject'), replyTo: request.optionalText('replyTo') ?? '', body }
}

function wasiMessage(request: Request): Omit<Message, 'replyTo'> {
  const metadata = request.optionalPairs('metadata')
  return { subject: request.text('subject'), body: request.bytes('body'), metadata }
}
