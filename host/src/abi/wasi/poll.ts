import type { WasiContext } from './context.ts'
import { Errno, Refused, refuse } from './errno.ts'
import type { Layout } from './layout.ts'
import { Right } from './rights.ts'

const EVENT_BYTES = 32
const MAX_SUBSCRIPTIONS = 4096
const CLOCK_EVENT = 0
const READ_EVENT = 1
const WRITE_EVENT = 2
const REALTIME = 0
const MONOTONIC = 1
/** `subclockflags` */
const ABSOLUTE = 1

interface Subscription {
  readonly userdata: bigint
  readonly type: number
  /** Nanoseconds until it is due. */
  readonly wait: bigint
  readonly errno: Errno
  /** Bytes that can be read. */
  readonly available: number
}

/**
 * `poll_oneoff` of WASI preview 1. Files and standard streams are ready at once; only clocks are waited for, the nearest one.
 * @param canWait whether the guest can be suspended
 * @returns a function that answers with a promise only when there is something to wait for; it throws Refused `inval` for no
 *   subscriptions or more than 4,096, `notsup` when it would have to wait and can't
 */
export function pollOneoff(context: WasiContext, { subscription }: Layout, canWait: boolean) {
  const { memory } = context
  return (from: number, to: number, count: number, result: number): void | Promise<void> => {
    const subscriptions = count >>> 0
    if (subscriptions === 0 || subscriptions > MAX_SUBSCRIPTIONS) refuse(Errno.inval)
    const start = memory.range(from, subscriptions * subscription.bytes)
    const events = memory.range(to, subscriptions * EVENT_BYTES)
    memory.range(result, 4)
    context.charge(subscriptions * (subscription.bytes + EVENT_BYTES))
    const all = Array.from({ length: subscriptions }, (_, i) =>
      readSubscription(context, start + i * subscription.bytes, subscription.clockAt),
    )
    let wait = all[0]!.wait
    for (const next of all) if (next.wait < wait) wait = next.wait
    const report = () => {
      const due = all.filter((next) => next.wait === wait)
      for (const [i, event] of due.entries()) writeEvent(context, events + i * EVENT_BYTES, event)
      memory.setU32(result, due.length)
    }
    if (wait === 0n) return report()
    if (!canWait) refuse(Errno.notsup)
    return context.surroundings.sleep(wait).then(report)
  }
}

function readSubscription(context: WasiContext, at: number, clockAt: number): Subscription {
  const { memory } = context
  const told = { userdata: memory.u64(at), type: memory.u8(at + 8), errno: Errno.success, wait: 0n, available: 0 }
  try {
    if (told.type === CLOCK_EVENT) return { ...told, wait: clockWait(context, at + clockAt) }
    return { ...told, available: availableBytes(context, memory.u32(at + 16), told.type) }
  } catch (error) {
    if (error instanceof Refused) return { ...told, errno: error.errno }
    throw error
  }
}

function clockWait({ memory, surroundings }: WasiContext, at: number): bigint {
  const clock = memory.u32(at)
  const timeout = memory.u64(at + 8)
  if (clock !== REALTIME && clock !== MONOTONIC) refuse(Errno.notsup)
  if (!(memory.u16(at + 24) & ABSOLUTE)) return timeout
  const now = clock === REALTIME ? surroundings.wallClock() : surroundings.monotonicClock()
  return timeout > now ? timeout - now : 0n
}

function availableBytes(context: WasiContext, fd: number, type: number): number {
  if (type !== READ_EVENT && type !== WRITE_EVENT) refuse(Errno.inval)
  const found = context.descriptors.any(
    fd,
    Right.pollFdReadwrite | (type === READ_EVENT ? Right.fdRead : Right.fdWrite),
  )
  if (type === WRITE_EVENT) return 0
  if (found.kind === 'stdin') return context.stdin.length - context.inputRead
  return found.kind === 'file' ? Math.max(0, found.node.size - found.offset) : 0
}

function writeEvent({ memory }: WasiContext, at: number, event: Subscription): void {
  memory.view(at, EVENT_BYTES).fill(0)
  memory.setU64(at, event.userdata)
  memory.setU16(at + 8, event.errno)
  memory.setU8(at + 10, event.type)
  memory.setU64(at + 16, BigInt(event.available))
}
