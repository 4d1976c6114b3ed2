import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, type NetConnectOpts } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll } from 'vitest'
import { freePort } from '../free-port.fixture.ts'
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

const START_MS = 30_000

/** Makes and starts a TPM with EK certificates for P-384 and RSA-2048; `tcp`: on a free port of this machine. */
export async function createSwtpm({ tcp = false } = {}): Promise<Swtpm> {
  await using undone = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'teapot-tpm-'))
  undone.defer(() => rm(folder, { recursive: true, force: true }))
  await setUp(folder)
  const socket = join(folder, 's')
  let child: ChildProcess | undefined
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (!isAlive(child)) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
  undone.defer(() => kill('SIGKILL'))
  const powerOn = async (address: TpmAddress): Promise<boolean> => {
    await rm(socket, { force: true })
    const server = 'port' in address ? `type=tcp,port=${address.port},bindaddr=127.0.0.1` : `type=unixio,path=${socket}`
    const command = [
      ['--pdeathsig', 'KILL', '--', 'swtpm'],
      ['socket', '--tpm2', '--flags', 'not-need-init,startup-clear', '--tpmstate', `dir=${join(folder, 'state')}`],
      ['--server', server, '--ctrl', `type=unixio,path=${socket}.ctrl`],
    ].flat()
    child = spawn('setpriv', command, { stdio: 'ignore' }).on('error', () => {})
    const end = performance.now() + START_MS
    while (isAlive(child) && performance.now() < end) {
      const place = 'port' in address ? address : { path: socket }
      // First by the path that is its own: at a port that it could not have, another's TPM may answer.
      if ((await answers({ path: `${socket}.ctrl` }, LIST)) && (await answers(place, ASK))) return isAlive(child)
      await delay(5)
    }
    await kill('SIGKILL')
    return false
  }
  let address: TpmAddress = { socket }
  const start = async (): Promise<void> => {
    // Another process may take a port between its choice and its use.
    for (let tries = 0; tries < 5; tries++) {
      if (tcp) address = { host: '127.0.0.1', port: await freePort() }
      if (await powerOn(address)) return
    }
    throw new Error(`Expected swtpm to start, found exit code ${child?.exitCode}, signal ${child?.signalCode}`)
  }
  await start()
  const started = undone.move()
  return {
    folder,
    socket,
    get address() {
      return address
    },
    start,
    kill,
    certificates: () =>
      Promise.all(
        ['swtpm-localca-rootca-cert.pem', 'issuercert.pem'].map((name) => readFile(join(folder, 'ca', name), 'utf8')),
      ),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  }
}

function isAlive(child: ChildProcess | undefined): child is ChildProcess {
  return child?.pid !== undefined && child.exitCode === null && child.signalCode === null
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

/** TPM2_GetCapability of one fixed property (TPM 2.0 Library Part 3 §30.2). */
const ASK = Buffer.from('8001000000160000017a000000060000010000000001', 'hex')

/** CMD_GET_CAPABILITY of swtpm's control channel, which is served once the server's place is taken. */
const LIST = Buffer.from('00000001', 'hex')

/** swtpm listens a moment before it finds out that it cannot work: it is up once it has answered. */
function answers(options: NetConnectOpts, question: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(options, () => probe.write(question)).setTimeout(5_000, () => probe.destroy())
    probe.on('error', () => {})
    probe.once('data', () => {
      resolve(true)
      probe.destroy()
    })
    probe.once('close', () => resolve(false))
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
