// WebAssembly/wasi-testsuite, branch prod/testsuite-base: what is built for preview 1 (`wasm32-wasip1`). Preview 3 is out of
// scope. Nothing is skipped.
//
// A call of an actor has one argument, and its scratch directory is empty. The cases that need no more run through a host;
// those with several arguments, or with files from the start, run on the same functions in a process of their own.
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createHost, type Host, type HostError } from '@teapot-network/host'
import type { CaseResult, Suite } from './suite.ts'

/** `foo.json` beside `foo.wasm` (the suite's doc/specification.md). */
interface Specification {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly root: string | null
  readonly exit_code: number
  readonly stdout?: string
  readonly stderr?: string
}

interface Outcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  /** It did not come to its end. */
  readonly fault?: string
}

const TARGET = 'testsuite/wasm32-wasip1'
const DEFAULTS: Specification = { args: [], env: {}, root: null, exit_code: 0 }
const KEYS = new Set([...Object.keys(DEFAULTS), 'stdout', 'stderr'])
const DEADLINE_MS = 20_000
const source = (path: string) => fileURLToPath(new URL(`../../host/src/${path}`, import.meta.url))

/** Runs the preview 1 part of the suite. */
export const run: Suite = async (directory, report) => {
  const modules = findModules(join(directory, 'tests'))
  if (modules.length === 0) throw new Error(`Expected modules in ${directory}/tests/*/${TARGET}, found none`)
  const stderr: string[] = []
  await using host = await createHost({
    nodePath: process.execPath,
    sandboxEntry: source('sandbox/main.ts'),
    invoke: () => Promise.reject(new Error('no capability here')),
    onLog: ({ text }) => stderr.push(`${text}\n`),
  })
  for (const module of modules) {
    stderr.length = 0
    report(await runCase(host, module, stderr))
  }
}

function findModules(tests: string): string[] {
  return readdirSync(tests)
    .map((language) => join(tests, language, TARGET))
    .filter(existsSync)
    .flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))
    .filter((file) => file.endsWith('.wasm'))
    .sort()
}

async function runCase(host: Host, module: string, stderr: string[]): Promise<CaseResult> {
  const name = `${basename(dirname(dirname(dirname(module))))}/${basename(module, '.wasm')}`
  const path = module.replace(/wasm$/, 'json')
  const told = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as object) : {}
  const unknown = Object.keys(told).filter((key) => !KEYS.has(key))
  if (unknown.length > 0) return { name, outcome: 'failed', reason: `Expected no ${unknown.join(', ')} in its JSON` }
  const specification: Specification = { ...DEFAULTS, ...told }
  const root = specification.root === null ? undefined : join(dirname(module), specification.root)
  const plain = specification.args.length === 0 && (root === undefined || isEmpty(root))
  const outcome = plain
    ? await runInHost(host, name, module, specification, stderr)
    : await runAlone(module, specification, root)
  const reason = complaint(specification, outcome)
  return reason === undefined ? { name, outcome: 'passed' } : { name, outcome: 'failed', reason }
}

/** Files whose names begin with a dot only keep a directory in git. */
function isEmpty(directory: string): boolean {
  return readdirSync(directory).every((name) => name.startsWith('.'))
}

async function runInHost(
  host: Host,
  name: string,
  module: string,
  { env, root }: Specification,
  stderr: string[],
): Promise<Outcome> {
  try {
    const grants = root === null ? [] : ['wasi:filesystem']
    const image = { name, publisher: 'wasi-testsuite', version: 1, digest: name, grants, environment: env }
    await host.load({ ...image, bytes: readFileSync(module) })
    const answer = await host.call({ actor: name, operation: '', payload: Buffer.alloc(0), deadlineMs: DEADLINE_MS })
    return { exitCode: 0, stdout: Buffer.from(answer.payload).toString(), stderr: stderr.join('') }
  } catch (error) {
    const { code, message } = error as HostError
    const exit = code === 'host/actor-error' ? /exit code (\d+)/.exec(message) : null
    const fault = exit === null ? { fault: String(error) } : {}
    return { exitCode: Number(exit?.[1] ?? 0), stdout: '', stderr: stderr.join(''), ...fault }
  } finally {
    host.unload(name)
  }
}

async function runAlone(module: string, { args, env }: Specification, root: string | undefined): Promise<Outcome> {
  const request = JSON.stringify({ module, args, environment: env, root })
  const node = [source('abi/wasi/run-command.fixture.ts'), request]
  try {
    const { stdout } = await promisify(execFile)(process.execPath, node, { timeout: DEADLINE_MS })
    return JSON.parse(stdout) as Outcome
  } catch (error) {
    return { exitCode: 0, stdout: '', stderr: '', fault: String(error) }
  }
}

function complaint(expected: Specification, found: Outcome): string | undefined {
  const said = found.stderr === '' ? '' : `; stderr: ${found.stderr.trim()}`
  if (found.fault !== undefined) return found.fault + said
  if (found.exitCode !== expected.exit_code)
    return `Expected exit code ${expected.exit_code}, found ${found.exitCode}${said}`
  for (const stream of ['stdout', 'stderr'] as const)
    if (expected[stream] !== undefined && found[stream] !== expected[stream])
      return `Expected ${JSON.stringify(expected[stream])} on ${stream}, found ${JSON.stringify(found[stream])}`
  return undefined
}
