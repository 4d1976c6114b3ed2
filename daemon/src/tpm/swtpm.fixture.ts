import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, type NetConnectOpts } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll } from 'vitest'
import { createTpm } from './tpm.ts'
import type { TpmAddress } from './transport.ts'

/** A real software TPM for one test file, provisioned by its own CA. */
export interface Swtpm extends AsyncDisposable {
  readonly folder: string
  readonly socket: string
  readonly address: TpmAddress
  /** Starts it (again): a TPM reset. */
  start(): Promise<void>
  /** Ends the process and waits until it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** PEM of the CA, root first. */
  certificates(): Promise<string[]>
}

/** Makes and starts a TPM with EK certificates for P-384 and RSA-2048; over TCP with a port. */
export async function createSwtpm(port?: number): Promise<Swtpm> {
  const folder = await mkdtemp(join(tmpdir(), 'teapot-tpm-'))
  const socket = join(folder, 's')
  await setUp(folder)
  const address: TpmAddress = port === undefined ? { socket } : { host: '127.0.0.1', port }
  const server = port === undefined ? `type=unixio,path=${socket}` : `type=tcp,port=${port},bindaddr=127.0.0.1`
  let child: ChildProcess | undefined
  const swtpm: Swtpm = {
    folder,
    socket,
    address,
    start: async () => {
      await rm(socket, { force: true })
      child = spawn(
        'setpriv',
        [
          ['--pdeathsig', 'KILL', '--', 'swtpm'],
          ['socket', '--tpm2', '--flags', 'not-need-init,startup-clear', '--tpmstate', `dir=${join(folder, 'state')}`],
          ['--server', server, '--ctrl', `type=unixio,path=${socket}.ctrl`],
        ].flat(),
        { stdio: 'ignore' },
      )
      while (!(await answers(port === undefined ? { path: socket } : { port, host: '127.0.0.1' }))) {
        if (child.exitCode !== null) throw new Error(`swtpm ended with exit code ${child.exitCode}`)
        await delay(5)
      }
    },
    kill: async (signal) => {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      child.kill(signal)
      await once(child, 'exit')
    },
    certificates: () =>
      Promise.all(
        ['swtpm-localca-rootca-cert.pem', 'issuercert.pem'].map((name) => readFile(join(folder, 'ca', name), 'utf8')),
      ),
    [Symbol.asyncDispose]: async () => {
      await swtpm.kill('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
  await swtpm.start()
  return swtpm
}

/** A TPM, and a line to it, for all tests of a file. */
export async function useSwtpm() {
  const swtpm = await createSwtpm()
  const tpm = createTpm({ socket: swtpm.socket })
  afterAll(async () => {
    await tpm[Symbol.asyncDispose]()
    await swtpm[Symbol.asyncDispose]()
  })
  return { swtpm, tpm }
}

function answers(options: NetConnectOpts): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(options)
    probe.once('error', () => resolve(false))
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
  })
}

async function setUp(folder: string): Promise<void> {
  const [ca, state] = [join(folder, 'ca'), join(folder, 'state')]
  await Promise.all([mkdir(ca), mkdir(state)])
  const files = {
    'localca.conf': [
      `statedir = ${ca}`,
      `signingkey = ${ca}/signkey.pem`,
      `issuercert = ${ca}/issuercert.pem`,
      `certserial = ${ca}/certserial`,
    ],
    'localca.options': [],
    'setup.conf': [
      'create_certs_tool = swtpm_localca',
      `create_certs_tool_config = ${ca}/localca.conf`,
      `create_certs_tool_options = ${ca}/localca.options`,
    ],
  }
  await Promise.all(Object.entries(files).map(([name, lines]) => writeFile(join(ca, name), `${lines.join('\n')}\n`)))
  await promisify(execFile)('swtpm_setup', [
    ...['--tpm2', '--config', join(ca, 'setup.conf'), '--tpmstate', state, '--create-ek-cert', '--ecc'],
    ...['--pcr-banks', 'sha256', '--logfile', join(folder, 'setup.log')],
  ])
}
