import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { NODE_FILE, placeNode } from '@teapot-network/daemon/boot'
import { CHAIN_INDEXES, createTpm, HIERARCHY, NV, nvDefine, nvWrite } from '@teapot-network/daemon/tpm'
import { digestOf, TeapotError, utf8 } from '@teapot-network/trust'
import { powerOnSwtpm } from './swtpm.ts'

const run = promisify(execFile)
const ROOT_CERTIFICATE = 'swtpm-localca-rootca-cert.pem'
const ISSUER_CERTIFICATE = 'issuercert.pem'
const ISSUER_ATTRIBUTES = NV.ppWrite | NV.ppRead | NV.ownerRead | NV.authRead | NV.noDa | NV.platformCreate

/** The maker of a devnet's TPMs: a CA of its own, made at the first TPM. Many may be made at once: swtpm_localca locks its folder. */
export async function openTpmMaker(folder: string): Promise<{ folder: string }> {
  await mkdir(folder, { recursive: true })
  await writeConfig(folder, 'localca.conf', [
    `statedir = ${folder}`,
    `signingkey = ${folder}/signkey.pem`,
    `issuercert = ${folder}/${ISSUER_CERTIFICATE}`,
    `certserial = ${folder}/certserial`,
  ])
  await writeConfig(folder, 'localca.options', [])
  await writeConfig(folder, 'setup.conf', [
    'create_certs_tool = swtpm_localca',
    `create_certs_tool_config = ${folder}/localca.conf`,
    `create_certs_tool_options = ${folder}/localca.options`,
  ])
  return { folder }
}

/** DER of the maker's root, for the appraisal policy. There is one once a TPM was made. */
export async function readMakerRoot(maker: { folder: string }): Promise<Uint8Array> {
  return readPem(join(maker.folder, ROOT_CERTIFICATE))
}

/**
 * Makes a software TPM with EK certificates for P-384 and RSA-2048, and the issuer's certificate beside them in NV. One that is
 * there already stays as it is.
 * @throws TeapotError `machine/not-provisioned` with what swtpm_setup said
 */
export async function provisionTpm(maker: { folder: string }, stateDir: string, signal?: AbortSignal): Promise<void> {
  if (existsSync(join(stateDir, DONE))) return
  await rm(stateDir, { recursive: true, force: true })
  await mkdir(stateDir, { recursive: true })
  const args = [
    ['--tpm2', '--config', join(maker.folder, 'setup.conf'), '--tpmstate', stateDir, '--pcr-banks', 'sha256'],
    ['--create-ek-cert', '--ecc'],
  ].flat()
  await run('swtpm_setup', args, { signal }).catch((cause: { stdout?: string; message: string }) => {
    throw notProvisioned(cause.stdout || cause.message, cause)
  })
  await storeIssuer(stateDir, await readPem(join(maker.folder, ISSUER_CERTIFICATE)), signal)
  await writeFile(join(stateDir, DONE), '')
}

/** Marks a TPM whose making was not cut short. */
const DONE = 'provisioned'

/**
 * Makes a machine's folder: its own copy of the runtime image, its TPM, and `machine.json`. A folder that has been made before keeps
 * its TPM and data; image and configuration are written anew.
 * @returns the path of `machine.json`
 */
export async function provisionMachine(options: {
  folder: string
  name: string
  imageDir: string
  maker: { folder: string }
  /** The daemon's own configuration. */
  daemon: unknown
  signal?: AbortSignal
}): Promise<string> {
  const { folder, name, imageDir, maker, daemon, signal } = options
  const [image, dataDir, runDir] = ['image', 'data', 'run'].map((part) => join(folder, part)) as [
    string,
    string,
    string,
  ]
  await Promise.all([dataDir, runDir].map((path) => mkdir(path, { recursive: true })))
  await Promise.all([copyImage(imageDir, image), provisionTpm(maker, join(folder, 'tpm'), signal)])
  const machineFile = join(folder, 'machine.json')
  const content = {
    name,
    dataDir,
    imageDir: image,
    runDir,
    eventLog: join(dataDir, 'event-log.cel'),
    tpm: { socket: socketOf(folder) },
    daemon,
  }
  await writeFile(machineFile, `${JSON.stringify(content, undefined, 2)}\n`)
  return machineFile
}

/** A unix socket's path may have some 100 characters, and a machine's folder may lie deep. */
function socketOf(folder: string): string {
  return join(tmpdir(), `teapot-tpm-${digestOf(utf8(folder)).slice(2, 14)}`, 's')
}

/** Copies a runtime image. */
export async function copyImage(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true })
  await mkdir(to, { recursive: true })
  for (const name of await readdir(from)) {
    if (name === NODE_FILE) await placeNode(join(from, name), to)
    else await copyFile(join(from, name), join(to, name))
  }
}

/** A maker puts its issuers' certificates where the TCG profile says, so that the TPM itself shows its whole chain. */
async function storeIssuer(stateDir: string, issuer: Uint8Array, signal?: AbortSignal): Promise<void> {
  const socketDir = await mkdtemp(join(tmpdir(), 'tpm-'))
  try {
    const socket = join(socketDir, 's')
    const swtpm = await powerOnSwtpm({ socket, stateDir, logFile: join(socketDir, 'log') }, signal)
    const tpm = createTpm({ socket })
    try {
      const connection = await tpm.connect(signal)
      const area = { attributes: ISSUER_ATTRIBUTES, sizeBytes: issuer.length }
      await nvDefine(connection, HIERARCHY.platform, CHAIN_INDEXES.first, area, signal)
      await nvWrite(connection, HIERARCHY.platform, CHAIN_INDEXES.first, issuer, signal)
    } finally {
      await tpm[Symbol.asyncDispose]()
      await swtpm.powerOff()
    }
  } finally {
    await rm(socketDir, { recursive: true, force: true })
  }
}

function writeConfig(folder: string, name: string, lines: string[]): Promise<void> {
  return writeFile(join(folder, name), lines.map((line) => `${line}\n`).join(''))
}

async function readPem(path: string): Promise<Uint8Array> {
  const base64 = (await readFile(path, 'utf8')).replace(/-----[A-Z ]+-----/g, '')
  return new Uint8Array(Buffer.from(base64, 'base64'))
}

function notProvisioned(found: string, cause: unknown): TeapotError {
  return new TeapotError(
    'machine/not-provisioned',
    `Cannot make a TPM: expected swtpm_setup to make one with EK certificates, found: ${found.trim()}`,
    { kind: 'fault', cause },
  )
}
