import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openReceiptLog } from '@teapot-network/daemon/receipts'
import { createHostCaller, createLogReceipts, createSealKey, createServer } from '@teapot-network/daemon/serve'
import { createHost } from '@teapot-network/host'
import { digestOf, toHex } from '@teapot-network/trust'

/** `plain` is `node:http` alone; `bare` is the daemon's server and the sandbox; `proven` adds durable receipts. */
export type Role = 'plain' | 'bare' | 'proven'

/** What a server process tells its parent once it listens. */
export interface Ready {
  port: number
  /** Of the actor that is loaded. */
  actor: string
  operation: string
  /** X25519 public key, run and evidence digest, for sealed requests. */
  seal: { sealKey: `0x${string}`; run: `0x${string}`; evidence: `0x${string}` }
}

/** The same work without a sandbox: read the body, answer with what the actor would. */
async function servePlain(): Promise<number> {
  const server = createHttpServer((request, response) => {
    let body: Buffer | undefined
    request.on('data', (chunk: Buffer) => {
      body = body === undefined ? chunk : Buffer.concat([body, chunk])
    })
    request.on('end', () => {
      const answer = body ?? Buffer.alloc(0)
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': answer.length })
      response.end(answer)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** A box without TPM, ledger and network: server, sandbox and, where asked for, the receipt log. */
async function serveBox(role: Role, folder: string, modulePath: string): Promise<Ready> {
  const host = await createHost({
    nodePath: process.execPath,
    sandboxEntry: join(dirname(fileURLToPath(import.meta.resolve('@teapot-network/host'))), 'sandbox', 'main.ts'),
    invoke: async () => new Uint8Array(0),
  })
  const bytes = await readFile(modulePath)
  const actor = 'echo'
  await host.load({ name: actor, publisher: 'bench', version: 1, digest: digestOf(bytes), grants: [], bytes })
  const pair = (await crypto.subtle.generateKey({ name: 'X25519' }, true, ['deriveBits'])) as CryptoKeyPair
  const sealKey = toHex(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)))
  const [run, evidence, node, hash] = [
    toHex(randomBytes(32)),
    toHex(randomBytes(32)),
    toHex(randomBytes(32)),
    toHex(randomBytes(32)),
  ]
  const context = {
    evidence,
    block: { number: 1, hash },
    assurance: { integrity: 'none', confidentiality: 'none' },
    isolation: 'user',
  } as const
  const receiptKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const log = role === 'proven' ? await openReceiptLog({ dir: folder, node, log: 1, run, receiptKey }) : undefined
  const server = await createServer({
    listen: { host: '127.0.0.1', port: 0 },
    caller: createHostCaller(host),
    evidence: { current: () => undefined, get: (digest) => (digest === evidence ? bytes : undefined) },
    run,
    sealKey: createSealKey(pair),
    ...(log === undefined ? {} : { receipts: createLogReceipts(log, () => context) }),
    status: () => ({}),
  })
  process.once('SIGTERM', async () => {
    await server[Symbol.asyncDispose]()
    await log?.[Symbol.asyncDispose]()
    await host[Symbol.asyncDispose]()
    process.exit(0)
  })
  return { port: server.port, actor, operation: 'echo', seal: { sealKey, run, evidence } }
}

if (import.meta.main) {
  const [role, folder, modulePath] = process.argv.slice(2) as [Role, string, string]
  const ready: Ready =
    role === 'plain'
      ? {
          port: await servePlain(),
          actor: 'echo',
          operation: 'echo',
          seal: { sealKey: '0x', run: '0x', evidence: '0x' },
        }
      : await serveBox(role, folder, modulePath)
  process.stdout.write(`${JSON.stringify(ready)}\n`)
}
