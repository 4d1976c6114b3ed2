import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ActorImage, createHost, type Host, type HostOptions } from '@teapot-network/host'

const SOURCES = dirname(fileURLToPath(import.meta.resolve('@teapot-network/host')))

/** A host over the source of sandbox and transpiler, that answers capability calls with their payload. */
export function openHost(options: Partial<HostOptions> = {}): Promise<Host> {
  return createHost({
    nodePath: process.execPath,
    sandboxEntry: join(SOURCES, 'sandbox', 'main.ts'),
    transpilerEntry: join(SOURCES, 'transpiler', 'main.ts'),
    invoke: async ({ payload }) => payload,
    ...options,
    limits: { maxDeadlineMs: 60_000, deadlineMs: 60_000, loadMs: 60_000, ...options.limits },
  })
}

/** An image with the rest filled in. */
export function image(name: string, bytes: Uint8Array, more: Partial<ActorImage> = {}): ActorImage {
  return { name, publisher: 'bench', version: 1, digest: name, grants: [], bytes, ...more }
}

/** Process id of the first sandbox at work. */
export const sandboxPid = (host: Host): number => host.sandboxes()[0]?.pid ?? 0

/** User and system time of a process, from ticks of 10 ms (proc(5)). */
export function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** Proportional memory of a process and all below it. */
export function treePssMegabytes(pid: number): number {
  const [, kilobytes] = /Pss:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? []
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  return children.reduce((sum, child) => sum + treePssMegabytes(Number(child)), Number(kilobytes) / 1024)
}

/** Middle of several values. */
export const median = (values: number[]): number => quantile(values, 0.5)

/** The value below which a share of all lie. */
export const quantile = (values: number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))]!
