import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readlinkSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Confinement } from './confined-program.ts'
import { includesLevel } from './isolation.ts'

/** Only what hangs takes longer: a level is not given up because the machine is busy. */
const TRIAL_MS = 30_000

/** Compiles what the smallest module holds, and stays until it is killed. */
const TRIAL = `import { Socket } from 'node:net'
new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)))
new Socket({ fd: 3 }).on('end', () => process.exit()).write('ready')
`

/**
 * Starts a program at a confinement's level and looks at it from outside.
 * @throws Error that says what went wrong, or which part of the level is not in force
 */
export async function tryConfinement(confinement: Confinement, root: boolean, directory: string): Promise<void> {
  const entry = join(directory, 'trial.mjs')
  await writeFile(entry, TRIAL)
  const child = confinement.spawn({ entry, read: [entry], stdio: ['ignore', 'ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  try {
    await started(child)
    const missing = lacking(confinement, child, root)
    if (missing.length > 0) throw new Error(`Expected a process shut off, found it without ${missing.join(', ')}`)
  } finally {
    child.kill('SIGKILL')
    await exited.catch(() => {})
  }
}

async function started(child: ChildProcess): Promise<void> {
  const signal = AbortSignal.timeout(TRIAL_MS)
  const said = text(child.stderr!).catch(() => '')
  const end = once(child, 'exit', { signal }).then(async () => {
    throw new Error(`Expected a process that starts, found ${(await said).trim() || 'one that ended'}`)
  })
  await Promise.race([once(child.stdio[3]!, 'data', { signal }), end])
}

/** Which parts of its level are not in force (proc_pid_status(5)). */
function lacking(confinement: Confinement, child: ChildProcess, root: boolean): string[] {
  const { isolation } = confinement
  const pid = confinement.pidOf(child)
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? ''
  const noCapabilities = ['CapEff', 'CapPrm', 'CapInh', 'CapAmb'].every((name) => /^0+$/.test(field(name)))
  const ownUid = field('Uid')
    .split(/\s+/)
    .every((uid) => Number(uid) !== process.getuid!())
  const ownNamespaces = ['net', 'pid', 'mnt', 'ipc', 'uts'].every(
    (name) => readlinkSync(`/proc/${pid}/ns/${name}`) !== readlinkSync(`/proc/self/ns/${name}`),
  )
  const parts: [string, boolean][] = [
    ['the bar on new privileges', field('NoNewPrivs') === '1'],
    ['the loss of capabilities', noCapabilities],
  ]
  if (root) parts.push(['a uid of its own', ownUid])
  if (includesLevel(isolation, 'namespaces'))
    parts.push(['namespaces of its own', ownNamespaces], ['a filter of system calls', field('Seccomp') === '2'])
  if (includesLevel(isolation, 'cgroup'))
    parts.push(['a control group', readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`/teapot-${process.pid}-`)])
  return parts.filter(([, inForce]) => !inForce).map(([name]) => name)
}
