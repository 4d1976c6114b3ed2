import { Exit } from '../exit.ts'
import { GuestFault } from '../guest-fault.ts'
import type { WasiContext } from './context.ts'
import { Errno, refuse } from './errno.ts'

const REALTIME = 0
const CPU_CLOCKS = 3
/** Of both clocks: what programs can rely on, not the finest step they may see. */
const RESOLUTION_NS = 1_000_000n

/** Arguments, environment, clocks, random numbers and the end of WASI preview 1 (wasi_snapshot_preview1.witx). */
export function processCalls(context: WasiContext) {
  const { memory, surroundings } = context
  const environment = () =>
    Object.entries(surroundings.environment).map(([name, value]) => Buffer.from(`${name}=${value}`))
  const now = (clock: number): bigint => {
    if (clock >>> 0 > CPU_CLOCKS) refuse(Errno.inval)
    if (clock > 1) refuse(Errno.notsup)
    return clock === REALTIME ? surroundings.wallClock() : surroundings.monotonicClock()
  }
  return {
    args_get: (pointers: number, texts: number): void => putTexts(context, context.args, pointers, texts),
    args_sizes_get: (count: number, bytes: number): void => putSizes(context, context.args, count, bytes),
    environ_get: (pointers: number, texts: number): void => putTexts(context, environment(), pointers, texts),
    environ_sizes_get: (count: number, bytes: number): void => putSizes(context, environment(), count, bytes),
    clock_res_get(clock: number, result: number): void {
      if (clock >>> 0 > CPU_CLOCKS) refuse(Errno.inval)
      if (clock > 1) refuse(Errno.notsup)
      memory.setU64(result, RESOLUTION_NS)
    },
    clock_time_get(clock: number, _precision: bigint, result: number): void {
      memory.range(result, 8)
      memory.setU64(result, now(clock))
    },
    random_get(at: number, length: number): void {
      const into = memory.bytes(at, length)
      if (into.length > 0) surroundings.random(into)
    },
    proc_exit(code: number): void {
      throw new Exit(code >>> 0)
    },
    proc_raise(signal: number): void {
      throw new GuestFault(
        'trap',
        `Expected a guest that runs to its end, found one that raised signal ${signal & 255}`,
      )
    },
    sched_yield(): void {},
  }
}

function putSizes({ memory }: WasiContext, texts: readonly Uint8Array[], count: number, bytes: number): void {
  memory.range(count, 4)
  memory.range(bytes, 4)
  memory.setU32(count, texts.length)
  memory.setU32(bytes, sizeOf(texts))
}

/** Writes pointers to texts, and the texts, each with a zero after it. */
function putTexts({ memory }: WasiContext, texts: readonly Uint8Array[], pointers: number, at: number): void {
  memory.range(pointers, 4 * texts.length)
  const into = memory.bytes(at, sizeOf(texts))
  let used = 0
  for (const [i, text] of texts.entries()) {
    memory.setU32((pointers >>> 0) + 4 * i, (at >>> 0) + used)
    into.set(text, used)
    into[used + text.length] = 0
    used += text.length + 1
  }
}

const sizeOf = (texts: readonly Uint8Array[]) => texts.reduce((sum, text) => sum + text.length + 1, 0)
