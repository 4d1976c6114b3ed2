// `npm run mutants [-- <part of an id>…]`: removes the listed checks one by one, in a copy, and sees that a test misses each.
import { spawn } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { copySources } from './copy.ts'
import { MUTANTS } from './list.ts'
import type { Mutant } from './mutant.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Only what hangs takes so long. */
const BASELINE_MS = 30 * 60_000
/** More than a hook's own time and that of the slowest test: whatever never comes must have turned a test red by then. */
const MUTANT_MS = 6 * 60_000
/** For tests that name no time of their own: some mutants are noticed by nothing ever coming. */
const TEST_MS = 15_000

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
  // Two at a time: half of such a run is waiting for processes to start.
  using copy = copySources(ROOT)
  using another = copySources(ROOT)
  const folders = [copy.folder, another.folder]

  const unfit = mutants.filter(
    (mutant) => readFileSync(join(copy.folder, mutant.file), 'utf8').split(mutant.find).length !== 2,
  )
  for (const { id, file } of unfit) console.log(`✘ ${id}: its text does not occur exactly once in ${file}`)
  if (unfit.length > 0) return false

  // Last those with a script: its output stays, and is what their tests are first seen to pass with.
  const scripts = new Set([undefined, ...mutants.map(({ prepare }) => prepare?.script)])
  let noticed = 0
  for (const script of scripts) {
    const group = mutants.filter(({ prepare }) => prepare?.script === script)
    if (group.length === 0) continue
    for (const folder of script ? folders : []) await prepared(script!, folder)
    noticed += (await noticedOf(group, folders)) ?? 0
  }
  const survived = mutants.length - noticed
  console.log(`${noticed} of ${mutants.length} mutants were noticed, ${survived} survived, ${seconds(began)}`)
  return survived === 0
}

/** How many of these mutants a test misses; undefined when their tests do not pass as they are. */
async function noticedOf(mutants: Mutant[], folders: string[]): Promise<number | undefined> {
  const tests = [...new Set(mutants.flatMap((mutant) => mutant.tests))]
  const baseline = await runTests(folders[0]!, tests, BASELINE_MS)
  const unready = baseline ? mutants.filter((mutant) => !passes(baseline, mutant)) : mutants
  for (const { id, tests } of unready) console.log(`✘ ${id}: its tests do not pass as they are: ${tests.join(', ')}`)
  for (const { fullName, failureMessages } of failures(baseline)) console.log(`  ${fullName}: ${failureMessages[0]}`)
  if (unready.length > 0) return undefined

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
  const waiting = [...mutants]
  await Promise.all(folders.map((folder) => work(folder, waiting, false)))
  await work(folders[0]!, survivors.splice(0), true)
  return mutants.length - survivors.length
}

/** Whether the script that generates files could. */
async function prepared(script: string, folder: string): Promise<boolean> {
  return (await run('node', script.split(' '), folder, MUTANT_MS)) === 0
}

/** The first test that goes red without the check, or undefined when all stay green or what is generated from it cannot be. */
async function missedBy(
  folder: string,
  { file, find, replace, tests, title, prepare }: Mutant,
): Promise<string | undefined> {
  const path = join(folder, file)
  const original = readFileSync(path, 'utf8')
  const generated = (prepare?.writes ?? []).map(
    (name) => [join(folder, name), readFileSync(join(folder, name))] as const,
  )
  // A function, since `$` means something in a replacement text.
  writeFileSync(
    path,
    original.replace(find, () => replace),
  )
  try {
    if (prepare && !(await prepared(prepare.script, folder))) return undefined
    const only = title ? ['-t', title.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')] : []
    const report = await runTests(folder, tests, MUTANT_MS, ['--bail=1', `--testTimeout=${TEST_MS}`, ...only])
    return failures(report)[0]?.fullName
  } finally {
    writeFileSync(path, original)
    for (const [name, bytes] of generated) writeFileSync(name, bytes)
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
