import { setTimeout as sleep } from 'node:timers/promises'
import { DEFAULT_LIMITS, type Host } from '@teapot-network/host'
import { FrameWriter } from '../../host/src/frames.ts'
import { SandboxActor } from '../../host/src/sandbox/actor.ts'
import { echo, forward, spin } from './host-modules.ts'
import { cpuMicros, image, median, openHost, sandboxPid } from './host-open.ts'

/** What running an actor costs beyond the actor itself; medians over rounds. */
export interface CallFigures {
  /** CPU time of an echo inside the sandbox: from the parsed frame to the answer's, putting the instance back included. Budget ≤ 2. */
  readonly sandboxMicros: number
  /** A warm echo from the daemon's side, one at a time. Budget ≤ 40. */
  readonly callMicros: number
  /** CPU time of the sandbox process and of the host's per echo at concurrency 128. */
  readonly sandboxCpuMicros: number
  readonly hostCpuMicros: number
  readonly callsPerSecond: number
  /** An echo that goes through a capability call, one at a time. */
  readonly capabilityCallMicros: number
  /** From the deadline to the caller's refusal, which comes after the kill. Budget ≤ 10. */
  readonly killedAfterDeadlineMs: number
  /** From there to the next answer, by the replacement. Budget ≤ 60. */
  readonly nextAnswerMs: number
}

/** Measures warm calls. Needs Linux for CPU time. */
export async function measureCalls(options: { rounds?: number; calls?: number } = {}): Promise<CallFigures> {
  const { rounds = 5, calls = 50_000 } = options
  await using host = await openHost({ limits: { lanes: 1, fuel: 1e13 } })
  const grants = ['wascc:keyvalue']
  for (const [name, bytes] of Object.entries({ echo, forward, spin })) await host.load(image(name, bytes, { grants }))
  const inside = await repeat(rounds, () => insideSandbox(calls))
  const echoes = await repeat(rounds, () => saturate(host, 'echo', calls))
  const forwards = await repeat(rounds, () => saturate(host, 'forward', calls / 10))
  const kills = await repeat(rounds, () => kill(host))
  return {
    sandboxMicros: median(inside),
    callMicros: median(echoes.map((round) => round.callMicros)),
    sandboxCpuMicros: median(echoes.map((round) => round.sandboxCpuMicros)),
    hostCpuMicros: median(echoes.map((round) => round.hostCpuMicros)),
    callsPerSecond: Math.round(median(echoes.map((round) => round.callsPerSecond))),
    capabilityCallMicros: median(forwards.map((round) => round.callMicros)),
    killedAfterDeadlineMs: median(kills.map((round) => round.killedMs)),
    nextAnswerMs: median(kills.map((round) => round.answersMs)),
  }
}

async function repeat<T>(rounds: number, run: () => Promise<T>): Promise<T[]> {
  await run()
  const results: T[] = []
  for (let i = 0; i < rounds; i++) results.push(await run())
  return results
}

/** The sandbox's own code in this process, without the pipe: microseconds of CPU a call. */
async function insideSandbox(calls: number): Promise<number> {
  const writer = new FrameWriter(() => {})
  const limits = { ...DEFAULT_LIMITS }
  const settings = { name: 'echo', grants: [], environment: {}, limits }
  const actor = new SandboxActor({ writer, open: new Map() }, settings)
  await actor.load(1, 'module', echo)
  const operation = Buffer.from('echo')
  const payloads = Array.from({ length: calls }, (_, i) => Buffer.from(`hello ${i}`))
  const before = process.threadCpuUsage()
  for (let i = 0; i < calls; i++) {
    actor.call({ id: i + 2, operation, payload: payloads[i]!, trace: false, replay: undefined })
    if (i % 128 === 127) writer.flush()
  }
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / calls
}

async function saturate(host: Host, actor: string, calls: number) {
  // Distinct payloads: nothing on the way may answer from a store.
  let sent = 0
  const call = () => host.call({ actor, operation: 'echo', payload: Buffer.from(`hello ${sent++}`) })
  const oneByOne: number[] = []
  for (let i = 0; i < Math.min(5_000, calls / 5); i++) {
    const startedAt = performance.now()
    await call()
    oneByOne.push((performance.now() - startedAt) * 1000)
  }
  const pid = sandboxPid(host)
  const before = { sandbox: cpuMicros(pid), host: process.cpuUsage(), at: performance.now(), sent }
  await Promise.all(
    Array.from({ length: 128 }, async () => {
      while (sent - before.sent < calls) await call()
    }),
  )
  const done = sent - before.sent
  const own = process.cpuUsage(before.host)
  return {
    callMicros: median(oneByOne),
    sandboxCpuMicros: (cpuMicros(pid) - before.sandbox) / done,
    hostCpuMicros: (own.user + own.system) / done,
    callsPerSecond: (done * 1000) / (performance.now() - before.at),
  }
}

async function kill(host: Host) {
  const deadlineMs = 100
  const payload = Buffer.alloc(0)
  const startedAt = performance.now()
  await host.call({ actor: 'spin', operation: '', payload, deadlineMs }).catch(() => {})
  const killedAt = performance.now()
  await host.call({ actor: 'echo', operation: '', payload })
  const answeredAt = performance.now()
  // The next spare starts meanwhile, as it would between two deadlines.
  await sleep(500)
  return { killedMs: killedAt - startedAt - deadlineMs, answersMs: answeredAt - killedAt }
}
