// `npm run mutants [-- <part of an id>…]`: removes the listed checks one by one, in a copy, and sees that a test misses each.
import { spawn } from 'node:child_process'
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { copySources } from './copy.ts'
import { MUTANTS } from './list.ts'
import type { Mutant } from './mutant.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BASELINE_MS = 10 * 60_000
const MUTANT_MS = 2 * 60_000

interface Assertion {
  status: string
  fullName: string
  failureMessages: string[]
}

interface Report {
  testResults: { name: string; status: string; assertionResults: Assertion[] }[]
}

process.exit((await main(process.argv.slice(2))) ? 0 : 1)

async function main(wanted: string[]): Promise<boolean> {
  const began = performance.now()
  const mutants = MUTANTS.filter(({ id }) => wanted.length === 0 || wanted.some((part) => id.includes(part)))
  using copy = copySources(ROOT)

  const unfit = mutants.filter(
    (mutant) => readFileSync(join(copy.folder, mutant.file), 'utf8').split(mutant.find).length !== 2,
  )
  for (const { id, file } of unfit) console.log(`✘ ${id}: its text does not occur exactly once in ${file}`)
  if (unfit.length > 0) return false

  const tests = [...new Set(mutants.flatMap((mutant) => mutant.tests))]
  const baseline = await runTests(copy.folder, tests, BASELINE_MS)
  const unready = baseline ? mutants.filter((mutant) => !passes(baseline, mutant)) : mutants
  for (const { id, tests } of unready) console.log(`✘ ${id}: its tests do not pass as they are: ${tests.join(', ')}`)
  for (const { fullName, failureMessages } of failures(baseline)) console.log(`  ${fullName}: ${failureMessages[0]}`)
  if (unready.length > 0) return false

  const survivors: Mutant[] = []
  const work = async (folder: string, waiting: Mutant[], lastTry: boolean) => {
    for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
      const mutantBegan = performance.now()
      const miss = await missedBy(folder, mutant)
      if (!miss) survivors.push(mutant)
      const nothing = lastTry ? `NOTHING in ${mutant.tests} went red` : 'nothing went red in time; tried again alone'
      console.log(`${miss ? '✔' : '✘'} ${mutant.id} (${seconds(mutantBegan)}): ${miss ?? nothing}`)
    }
  }
  // Two at a time: half of such a run is waiting for processes to start.
  using another = copySources(ROOT)
  const waiting = [...mutants]
  await Promise.all([work(copy.folder, waiting, false), work(another.folder, waiting, false)])
  await work(copy.folder, survivors.splice(0), true)
  const count = mutants.length
  console.log(
    `${count - survivors.length} of ${count} mutants were noticed, ${survivors.length} survived, ${seconds(began)}`,
  )
  return survivors.length === 0
}

/** The first test that goes red without the check, or undefined when all stay green or what is generated from it cannot be. */
async function missedBy(
  folder: string,
  { file, find, replace, tests, title, prepare }: Mutant,
): Promise<string | undefined> {
  const path = join(folder, file)
  const original = readFileSync(path, 'utf8')
  // A function, since `$` means something in a replacement text.
  writeFileSync(
    path,
    original.replace(find, () => replace),
  )
  try {
    if (prepare && (await run('node', [prepare.script], folder, MUTANT_MS)) !== 0) return undefined
    const only = title ? ['-t', title.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')] : []
    const report = await runTests(folder, tests, MUTANT_MS, ['--bail=1', ...only])
    return failures(report)[0]?.fullName
  } finally {
    writeFileSync(path, original)
    for (const written of prepare?.writes ?? []) copyFileSync(join(ROOT, written), join(folder, written))
  }
}

function failures(report: Report | undefined): Assertion[] {
  const all = report?.testResults.flatMap((result) => result.assertionResults) ?? []
  return all.filter(({ status }) => status === 'failed')
}

function passes(report: Report, { tests, title }: Mutant): boolean {
  const results = report.testResults.filter(({ name }) => tests.some((test) => name.endsWith(`/${test}`)))
  const relevant = results
    .flatMap((result) => result.assertionResults)
    .filter((one) => !title || one.fullName.includes(title))
  const green =
    relevant.some(({ status }) => status === 'passed') && !relevant.some(({ status }) => status === 'failed')
  return green && results.length === tests.length
}

/** Runs test files and reads vitest's report; undefined when it gave none in time. */
async function runTests(
  folder: string,
  tests: string[],
  timeoutMs: number,
  options: string[] = [],
): Promise<Report | undefined> {
  const file = join(folder, 'mutant-report.json')
  rmSync(file, { force: true })
  await run('vitest', ['run', ...tests, ...options, '--reporter=json', `--outputFile=${file}`], folder, timeoutMs)
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

function run(command: string, args: string[], cwd: string, timeoutMs: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: 'ignore', timeout: timeoutMs, killSignal: 'SIGKILL' })
    child.once('error', reject)
    child.once('exit', resolve)
  })
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}
