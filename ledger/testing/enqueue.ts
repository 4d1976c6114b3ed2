/**
 * Opens a queue, accepts one call and says so; then waits to be killed.
 * Arguments: JSON of the queue's options, and of the call.
 */
import { createTransactionQueue, type LedgerCall, type QueueOptions } from '../src/transaction-queue.ts'

const [options, call] = process.argv.slice(2).map((text) => JSON.parse(text)) as [
  QueueOptions,
  LedgerCall<'nodeRegistry', 'setContact'>,
]
const queue = createTransactionQueue(options)
queue.send(call).catch(console.error)
console.log(`accepted ${queue.pending}`)
setInterval(() => {}, 60_000)
