import { setTimeout as sleep } from 'node:timers/promises'
import { belongsToFolder, listProcesses, processStat } from './proc.ts'
import { type ProcessRecord, readRecords } from './record.ts'

const TERMINATE_MS = 15_000
const POLL_MS = 50

/**
 * Stops what a killed devnet left running, and nothing else: a recorded process counts as ours when it began at the recorded
 * tick, and with it its session; any other when its environment names this devnet.
 * SIGTERM first, so that the chain saves its state; SIGKILL to what is still there after fifteen seconds.
 *
 * @returns the pids found
 */
export async function stopLeftovers(folder: string, recordsFile: string): Promise<number[]> {
  const leftovers = findLeftovers(folder, readRecords(recordsFile))
  const isAlive = ({ pid, startTicks }: { pid: number; startTicks: number }) => {
    const now = processStat(pid)
    return now?.startTicks === startTicks && !now.zombie
  }
  for (const { pid } of leftovers) signal(pid, 'SIGTERM')
  const deadline = performance.now() + TERMINATE_MS
  while (leftovers.some(isAlive) && performance.now() < deadline) await sleep(POLL_MS)
  for (const { pid } of leftovers.filter(isAlive)) signal(pid, 'SIGKILL')
  return leftovers.map(({ pid }) => pid)
}

function findLeftovers(folder: string, records: ProcessRecord[]) {
  const running = listProcesses().filter(({ pid, zombie }) => pid !== process.pid && !zombie)
  // A session keeps its number from reuse, so one whose leader died is still the recorded one.
  const ourSessions = new Set(
    records
      .filter(({ pid, startTicks }) => (processStat(pid)?.startTicks ?? startTicks) === startTicks)
      .map(({ pid }) => pid),
  )
  return running.filter(({ pid, session }) => ourSessions.has(session) || belongsToFolder(pid, folder))
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It went by itself.
  }
}
