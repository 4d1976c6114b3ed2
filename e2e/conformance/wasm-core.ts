import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CaseResult, Suite } from './suite.ts'

const WORKER = fileURLToPath(new URL('./wasm-core/worker.ts', import.meta.url))
const FILE_MS = 120_000

/**
 * WebAssembly/testsuite, the scripts of WebAssembly 3.0 and those of legacy exceptions: each is run as it is and through the fuel pass, and has
 * to hold both times, with the same traps. One case for each script.
 *
 * Skipped as a class: memory64, which none of the host's ABIs can use; relaxed SIMD, whose results differ between processors; and what V8
 * by itself does not pass: tables and memories over its own limits, values that JavaScript cannot hold. `proposals` is out of scope:
 * V8 ships none of it but threads, which the pass refuses.
 */
export const run: Suite = async (directory, report) => {
  const files = [directory, join(directory, 'legacy')].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.wast'))
      .map((name) => join(folder, name)),
  )
  if (files.length < 100) throw new Error(`Expected a checkout of WebAssembly/testsuite in ${directory}, found none`)
  const next = files.values()
  await Promise.all(Array.from({ length: availableParallelism() }, () => work(next, report)))
}

/** Takes files in turn to a process of its own; one that it does not survive has failed. */
async function work(files: Iterator<string>, report: (result: CaseResult) => void): Promise<void> {
  let worker: ChildProcess | undefined
  for (let file = files.next(); !file.done; file = files.next()) {
    worker ??= fork(WORKER, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    const result = await ask(worker, file.value)
    if (result === undefined) {
      worker.kill('SIGKILL')
      worker = undefined
    }
    report(result ?? { name: basename(file.value), outcome: 'failed', reason: 'the process ended or did not answer' })
  }
  worker?.kill()
}

async function ask(worker: ChildProcess, file: string): Promise<CaseResult | undefined> {
  const settled = new AbortController()
  const signal = AbortSignal.any([settled.signal, AbortSignal.timeout(FILE_MS)])
  worker.send(file)
  try {
    return await Promise.race([
      once(worker, 'message', { signal }).then(([result]) => result as CaseResult),
      once(worker, 'exit', { signal }).then(() => undefined),
    ])
  } catch {
    return undefined
  } finally {
    settled.abort()
  }
}
