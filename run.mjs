// Plain JavaScript on purpose: this is the one file that a bare Node 20 has to run, before anything is installed.
// `node run.mjs [--swtpm] <command> [arguments…]` puts the house in order, then runs the command with it.
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { constants as os } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.url))
const NODE_MAJOR = 26
const SWTPM_TOOLS = ['swtpm', 'swtpm_setup', 'swtpm_localca']
const SWTPM_PACKAGES = ['swtpm', 'swtpm-tools']

const USAGE = `node run.mjs [--swtpm] <command> [arguments…]

Runs a command of this repository with what it needs:
  npm dependencies   as package-lock.json says; installed by \`npm ci\` when they are not
  Node ${NODE_MAJOR}            yours when it is new enough, else the one that comes with the dependencies
  --swtpm            the software TPM; installed by apt-get when run as root on Debian or Ubuntu

The npm scripts (\`npm start\`, \`npm test\`, \`npm run ok\`, …) all go through here. See README.md.
`

/** Everything said here goes to stderr: the command's stdout stays its own. */
const say = (text) => process.stderr.write(`[teapot] ${text}\n`)

function stop(...lines) {
  for (const line of lines) say(line)
  process.exit(1)
}

/** What the lockfile wants and the installed tree lacks: the first package found wrong, or undefined when all is well. */
export function firstMissingPackage(wanted, installed) {
  for (const [path, entry] of Object.entries(wanted)) {
    const found = installed[path]
    if (!path.includes('node_modules/') || (!found && (entry.optional || entry.devOptional || entry.peer))) continue
    if (!found) return path
    if (found.version !== entry.version || found.integrity !== entry.integrity) return path
  }
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}

function ensureDependencies() {
  const wanted = readPackages(join(root, 'package-lock.json'))
  if (!wanted) stop('Cannot read package-lock.json: restore it with `git checkout package-lock.json`.')
  // npm writes this file last, so a half-finished install has none.
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'))
  const missing = installed ? firstMissingPackage(wanted, installed) : 'node_modules'
  if (!missing) return
  say(`${missing} is not what package-lock.json says: installing the npm dependencies with \`npm ci\` …`)
  const npm = process.env.npm_execpath
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []]
  const { status, error } = spawnSync(command, [...args, 'ci', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) stop(`npm ci failed${error ? `: ${error.message}` : ''}. Put that right, then try again.`)
  say('npm dependencies installed.')
}

function nodeDirectory() {
  if (Number.parseInt(process.versions.node, 10) >= NODE_MAJOR) return dirname(process.execPath)
  const name = `node-${process.platform}-${process.arch}`
  const directory = join(root, 'node_modules', name, 'bin')
  if (existsSync(join(directory, 'node'))) return directory
  return stop(
    `Node ${NODE_MAJOR} or newer is needed; this is ${process.version}, and npm brings none for ${process.platform} ${process.arch}.`,
    `Install Node ${NODE_MAJOR} (https://nodejs.org), then try again.`,
  )
}

function findProgram(name) {
  return (process.env.PATH ?? '').split(delimiter).find((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return folder !== ''
    } catch {
      return false
    }
  })
}

function aptGet(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync('apt-get', ['-qq', ...args], { env, encoding: 'utf8' })
}

function ensureSwtpm() {
  const missing = SWTPM_TOOLS.filter((tool) => !findProgram(tool))
  if (missing.length === 0) return
  const apt = findProgram('apt-get')
  const install = `apt-get install -y --no-install-recommends ${SWTPM_PACKAGES.join(' ')}`
  if (!apt && process.platform === 'darwin') stop(`The software TPM is missing (${missing}). Type: brew install swtpm`)
  if (!apt) {
    stop(
      `The software TPM is missing (${missing.join(', ')}).`,
      "Install the package that holds them by this system's package manager (dnf install swtpm swtpm-tools; pacman -S swtpm).",
    )
  }
  if (process.getuid() !== 0) {
    stop(`The software TPM is missing (${missing.join(', ')}). Type:`, `  sudo apt-get update && sudo ${install}`)
  }
  say(`${missing.join(', ')} missing: ${install} …`)
  const lists = '/var/lib/apt/lists'
  if (!existsSync(lists) || !readdirSync(lists).some((name) => name.includes('_Packages'))) aptGet('update')
  const packages = ['install', '-y', '--no-install-recommends', ...SWTPM_PACKAGES]
  let result = aptGet(...packages)
  if (result.status !== 0) {
    aptGet('update')
    result = aptGet(...packages)
  }
  const stillMissing = SWTPM_TOOLS.filter((tool) => !findProgram(tool))
  if (result.status !== 0 || stillMissing.length > 0) {
    const reason = (result.stderr || result.error?.message || '').trim()
    stop(reason, `apt-get could not install the software TPM. Type: apt-get update && ${install}`)
  }
  say('software TPM installed.')
}

/** Between npm and us may stand the shell that it starts, which outlives it. */
function parentsUpToNpm() {
  try {
    const isShell = readFileSync(`/proc/${process.ppid}/cmdline`, 'utf8').split('\0')[1] === '-c'
    const [, parent] = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${process.ppid}/status`, 'utf8'))
    return isShell ? `${process.ppid} ${parent}` : `${process.ppid}`
  } catch {
    return `${process.ppid}`
  }
}

function run(command, args, nodeBin) {
  const path = [nodeBin, join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter)
  const env = { ...process.env, PATH: path, TEAPOT_PARENT: String(process.pid) }
  const parents = parentsUpToNpm()
  // Heard before the command runs: a signal that ended only this process would leave the command behind.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal))
  const child = spawn(command, args, { stdio: 'inherit', env })
  // npm killed outright passes nothing on: when it is gone, so are we.
  if (process.env.npm_lifecycle_event) setInterval(() => parentsUpToNpm() !== parents && child.kill(), 500).unref()
  child.on('error', (error) => stop(`Cannot run ${command}: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + os.signals[signal]))
}

function main(argv) {
  const wantsSwtpm = argv[0] === '--swtpm'
  const [command, ...args] = wantsSwtpm ? argv.slice(1) : argv
  if (!command || command === '--help') return process.stdout.write(USAGE)
  ensureDependencies()
  const nodeBin = nodeDirectory()
  const asksForHelp = args.includes('--help') || args.includes('-h')
  if (wantsSwtpm && !asksForHelp) ensureSwtpm()
  run(command, args, nodeBin)
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main(process.argv.slice(2))
