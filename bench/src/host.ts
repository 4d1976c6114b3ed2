import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createHost, type Host } from '@teapot-network/host'

/** Answers with its payload; imports no capability. */
const ECHO =
  'AGFzbQEAAAABEQNgAn9/AGACf38AYAJ/fwF/AjACBHdhcGMPX19ndWVzdF9yZXF1ZXN0AAAEd2FwYxBfX2d1ZXN0X3Jlc3BvbnNlAAEDAgECBQMBAAEGAQAHGQIGbWVtb3J5AgAMX19ndWVzdF9jYWxsAAIKFQETAEHAAEGAIBAAQYAgIAEQAUEBCwsBAA=='
/** Passes its payload to `wascc:keyvalue` and answers with what comes back. */
const FORWARD =
  'AGFzbQEAAAABMglgAn9/AGACf38AYAh/f39/f39/fwF/YAF/AGAAAX9gAn9/AGABfwBgAAF/YAJ/fwF/ArYBCAR3YXBjD19fZ3Vlc3RfcmVxdWVzdAAABHdhcGMQX19ndWVzdF9yZXNwb25zZQABBHdhcGMLX19ob3N0X2NhbGwAAgR3YXBjD19faG9zdF9yZXNwb25zZQADBHdhcGMTX19ob3N0X3Jlc3BvbnNlX2xlbgAEBHdhcGMNX19ndWVzdF9lcnJvcgAFBHdhcGMMX19ob3N0X2Vycm9yAAYEd2FwYxBfX2hvc3RfZXJyb3JfbGVuAAcDAgEIBQMBAAEGAQAHGQIGbWVtb3J5AgAMX19ndWVzdF9jYWxsAAgKQAE+AEHAAEGAIBAAQRBBB0EgQQ5BwAAgAEGAICABEAIEQEGAIBADQYAgEAQQAUEBDwtBgCAQBkGAIBAHEAVBAAsLIAIAQRALB2RlZmF1bHQAQSALDndhc2NjOmtleXZhbHVl'
/** `(loop (br 0))` */
const SPIN = 'AGFzbQEAAAABBwFgAn9/AX8CAQADAgEABQMBAAEGAQAHGQIGbWVtb3J5AgAMX19ndWVzdF9jYWxsAAAKCwEJAANADAALQQELCwEA'

/** What running an actor costs beyond the actor itself; medians over rounds. */
export interface HostFigures {
  /** Warm call of an echo from the daemon's side, one at a time. Budget ≤ 40. */
  readonly callMicros: number
  /** CPU time of the sandbox per echo at concurrency 128: reading, calling, putting back, answering. Budget ≤ 2. */
  readonly sandboxCpuMicros: number
  /** CPU time of the host's process per echo at concurrency 128. */
  readonly hostCpuMicros: number
  readonly callsPerSecond: number
  /** The same two for a call that makes one capability call. */
  readonly capabilityCallMicros: number
  readonly capabilitySandboxCpuMicros: number
  /** From the deadline to the caller's refusal, which comes after the kill. Budget ≤ 10. */
  readonly killedAfterDeadlineMs: number
  /** From there to the next answer, by the replacement. Budget ≤ 60. */
  readonly replacementAnswersMs: number
  /** Proportional memory of a sandbox after the load. */
  readonly sandboxPssMegabytes: number
}

/** Measures the host on this machine. Needs Linux for CPU time and memory of the sandbox. */
export async function measureHost(options: { rounds?: number; calls?: number } = {}): Promise<HostFigures> {
  const { rounds = 5, calls = 50_000 } = options
  await using host = await createHost({
    nodePath: process.execPath,
    sandboxEntry: join(dirname(fileURLToPath(import.meta.resolve('@teapot-network/host'))), 'sandbox', 'main.ts'),
    invoke: async ({ payload }) => payload,
    limits: { maxDeadlineMs: 60_000, deadlineMs: 60_000 },
  })
  for (const [name, module] of Object.entries({ echo: ECHO, forward: FORWARD, spin: SPIN }))
    await host.load({
      ...{ name, publisher: 'bench', version: 1, digest: name, grants: ['wascc:keyvalue'] },
      bytes: Buffer.from(module, 'base64'),
    })
  const echo = await repeat(rounds, () => saturate(host, 'echo', calls))
  const forward = await repeat(rounds, () => saturate(host, 'forward', calls / 10))
  const pss = pssMegabytes(sandboxPid(host))
  const kills = await repeat(rounds, () => kill(host))
  return {
    callMicros: median(echo.map((round) => round.callMicros)),
    sandboxCpuMicros: median(echo.map((round) => round.sandboxCpuMicros)),
    hostCpuMicros: median(echo.map((round) => round.hostCpuMicros)),
    callsPerSecond: median(echo.map((round) => round.callsPerSecond)),
    capabilityCallMicros: median(forward.map((round) => round.callMicros)),
    capabilitySandboxCpuMicros: median(forward.map((round) => round.sandboxCpuMicros)),
    killedAfterDeadlineMs: median(kills.map((round) => round.killedMs)),
    replacementAnswersMs: median(kills.map((round) => round.answersMs)),
    sandboxPssMegabytes: pss,
  }
}

async function repeat<T>(rounds: number, run: () => Promise<T>): Promise<T[]> {
  await run()
  const results: T[] = []
  for (let i = 0; i < rounds; i++) results.push(await run())
  return results
}

async function saturate(host: Host, actor: string, calls: number) {
  // Distinct payloads: nothing on the way may answer from a store.
  let sent = 0
  const call = () => host.call({ actor, operation: 'echo', payload: Buffer.from(`hello ${sent++}`) })
  const oneByOne: number[] = []
  for (let i = 0; i < Math.min(2_000, calls / 5); i++) {
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
  const startedAt = performance.now()
  await host.call({ actor: 'spin', operation: '', payload: Buffer.alloc(0), deadlineMs }).catch(() => {})
  const killedAt = performance.now()
  await host.call({ actor: 'echo', operation: '', payload: Buffer.alloc(0) })
  const answeredAt = performance.now()
  // The next spare starts meanwhile, as it would between two deadlines.
  await sleep(300)
  return { killedMs: killedAt - startedAt - deadlineMs, answersMs: answeredAt - killedAt }
}

const sandboxPid = (host: Host): number => host.sandboxes()[0]?.pid ?? 0

/** User and system time, from ticks of 10 ms (proc(5)). */
function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

function pssMegabytes(pid: number): number {
  const [, kilobytes] = /Pss:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

if (import.meta.main) {
  const figures = await measureHost()
  for (const [name, value] of Object.entries(figures)) process.stdout.write(`${name.padEnd(28)} ${value.toFixed(1)}\n`)
}
