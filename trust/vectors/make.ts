/**
 * Makes swtpm.json: genuine structures of a software TPM, by tpm2-tools, so that the code under test had no part in them.
 * Run `node trust/vectors/make.ts`; needs swtpm, swtpm_setup, swtpm_localca and tpm2-tools.
 */
import { execFileSync, spawn } from 'node:child_process'
import { type createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { encodeEvidence, encodeLogRecord } from '../src/encode.ts'
import {
  concatBytes,
  type Digest,
  digestOf,
  ekDigest,
  type Entry,
  EntryKind,
  type Evidence,
  encodeEntry,
  encodeGrants,
  encodePolicy,
  entryDigest,
  epochNonce,
  type Hex,
  type LedgerFacts,
  type LogRecord,
  nodeIdOf,
  PCR_C,
  PCR_R,
  parseEventLog,
  qualifyingData,
  replayEventLog,
  toHex,
  utf8,
} from '../src/index.ts'

const AK_ATTRIBUTES = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign'
const dir = mkdtempSync(join(tmpdir(), 'teapot-vectors-'))
const socket = join(dir, 'tpm.sock')
const file = (name: string) => join(dir, name)
const read = (name: string) => new Uint8Array(readFileSync(file(name)))
/** Runs a command line, among our files. */
const run = (line: string) => {
  const [command, ...args] = line.split(' ') as [string, ...string[]]
  const env = { ...process.env, TPM2TOOLS_TCTI: `swtpm:path=${socket}` }
  execFileSync(command, args, { env, stdio: 'pipe', cwd: dir })
}
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
const fill = (byte: number, size: number): Hex => toHex(new Uint8Array(size).fill(byte))

function setUp(): void {
  mkdirSync(file('ca'))
  mkdirSync(file('state'))
  const ca = ['statedir', 'signingkey', 'issuercert', 'certserial']
  const paths = ['ca', 'ca/signkey.pem', 'ca/issuercert.pem', 'ca/certserial']
  writeFileSync(file('localca.conf'), ca.map((key, i) => `${key} = ${file(paths[i]!)}\n`).join(''))
  const platform = ['--platform-manufacturer teapot', '--platform-version 1', '--platform-model test']
  writeFileSync(file('localca.options'), `${platform.join('\n')}\n`)
  const [config, options] = [file('localca.conf'), file('localca.options')]
  const tool = { tool: '/usr/bin/swtpm_localca', tool_config: config, tool_options: options }
  const lines = Object.entries(tool).map(([key, value]) => `create_certs_${key} = ${value}\n`)
  writeFileSync(file('setup.conf'), lines.join(''))
  run(`swtpm_setup --config setup.conf --tpm2 --tpmstate ${file('state')} --create-ek-cert --ecc --pcr-banks sha256`)
}

function pemToDer(name: string): Uint8Array {
  return new Uint8Array(new X509Certificate(readFileSync(file(name))).raw)
}

function ekCertificate(index: string): Uint8Array {
  run(`tpm2_nvread ${index} -o ek.der`)
  return new Uint8Array(new X509Certificate(readFileSync(file('ek.der'))).raw)
}

function createAk(name: string, attributes: string, algorithm = 'ecc256:ecdsa-sha256:null'): Uint8Array {
  run(`tpm2_createprimary -C e -g sha256 -G ${algorithm} -a ${attributes} -c ${name}.ctx`)
  run(`tpm2_readpublic -c ${name}.ctx -f tpmt -o ${name}.tpmt`)
  run('tpm2_flushcontext -t')
  return read(`${name}.tpmt`)
}

function quote(ak: string, selection: string, data: Digest, hash = 'sha256'): Evidence['quote'] {
  run(`tpm2_quote -c ${ak}.ctx -l ${selection} -q ${data.slice(2)} -g ${hash} -m m -s s`)
  run('tpm2_flushcontext -t')
  return { attest: read('m'), signature: read('s') }
}

function publicPoint(key: ReturnType<typeof createPublicKey>): Uint8Array {
  return new Uint8Array(key.export({ type: 'spki', format: 'der' })).slice(-65)
}

setUp()
const flags = `socket --tpm2 --tpmstate dir=${file('state')} --flags not-need-init,startup-clear`
const lines = `--server type=unixio,path=${socket} --ctrl type=unixio,path=${socket}.ctrl`
const tpm = spawn('swtpm', `${flags} ${lines}`.split(' '), { stdio: 'ignore' })
try {
  while (!existsSync(`${socket}.ctrl`)) await setTimeout(20)
  make()
} finally {
  tpm.kill()
  rmSync(dir, { recursive: true })
}

function make(): void {
  const root = pemToDer('ca/swtpm-localca-rootca-cert.pem')
  const issuer = pemToDer('ca/issuercert.pem')
  const [ekP384, ekRsa] = [ekCertificate('0x1c00016'), ekCertificate('0x1c00002')]
  const ak = createAk('ak', AK_ATTRIBUTES)
  const others = {
    unrestricted: createAk('unrestricted', AK_ATTRIBUTES.replace('|restricted', '')),
    withDa: createAk('withDa', AK_ATTRIBUTES.replace('|noda', '')),
    p384: createAk('p384', AK_ATTRIBUTES, 'ecc384:ecdsa-sha384:null'),
    rsa: createAk('rsa', AK_ATTRIBUTES, 'rsa2048:rsassa-sha256:null'),
    storage: createAk('storage', AK_ATTRIBUTES.replace('|sign', '|decrypt'), 'ecc256:null:aes128cfb'),
  }
  const policy = encodePolicy({
    v: 1,
    types: ['tpm-simulated'],
    ekRoots: [['tpm-simulated', root]],
    pcrs: [PCR_R, PCR_C],
    freshSeconds: 3600,
  })
  const { launcher, runtime, provider, actor } = EntryKind
  const entry = (kind: Entry['kind'], name: string, bytes: Uint8Array, grants?: Uint8Array): Entry => {
    return { kind, name, sha256: digestOf(bytes), grants: grants ?? new Uint8Array() }
  }
  const entries: [LogRecord['pcr'], Entry][] = [
    [PCR_R, entry(launcher, 'launcher', utf8('launcher bytes'))],
    [PCR_R, entry(runtime, 'runtime', utf8('runtime bytes'))],
    [PCR_C, entry(EntryKind.policy, 'appraisal', policy)],
    [PCR_C, entry(provider, 'key-value', utf8('provider 1'))],
    [PCR_C, entry(provider, 'key-value', utf8('provider 2'))],
    [PCR_C, entry(actor, 'hello', utf8('actor bytes'), encodeGrants(['kv.read']))],
  ]
  const log = concatBytes(...entries.map(([pcr, entry], i) => encodeLogRecord(i, pcr, encodeEntry(entry))))
  for (const [pcr, entry] of entries) run(`tpm2_pcrextend ${pcr}:sha256=${entryDigest(entry).slice(2)}`)
  const pcrs = replayEventLog(parseEventLog(log))
  const voteKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
  const receiptKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
  const operator = fill(0x0a, 20)
  const facts: LedgerFacts = {
    chainId: 31337,
    registry: fill(0xaa, 20),
    block: { number: 40, hash: fill(0x40, 32), timestamp: Math.floor(Date.now() / 1000) + 60 },
    epoch: { number: 7, seed: fill(0x5e, 32), openedAt: Math.floor(Date.now() / 1000) },
    referenceValues: [{ r: pcrs.r, release: '0.1.0', platform: 'linux-x64', status: 'current', sinceBlock: 3 }],
    entries: entries.slice(2).map(([, entry], i) => ({
      digest: entryDigest(entry),
      kind: entry.kind,
      name: entry.name,
      version: i === 2 ? 2 : 1,
      sha256: entry.sha256,
      cid: `cid-${i}`,
      grants: toHex(entry.grants),
      status: i === 1 ? 'superseded' : 'current',
      sinceBlock: 4 + i,
      publisher: fill(0x0b, 20),
    })),
    nodes: [
      {
        id: nodeIdOf(ak),
        operator,
        status: 'active',
        statusSince: 9,
        genesis: true,
        akX: toHex(ak.subarray(-66, -34)),
        akY: toHex(ak.subarray(-32)),
        ekDigest: ekDigest(ekP384)!,
        voteKey: toHex(publicPoint(voteKey)),
        contact: '{"http":"http://127.0.0.1:1234","p2p":"/ip4/127.0.0.1/tcp/1235"}',
        quarantinedBoot: 0,
      },
    ],
  }
  const unquoted: Evidence = {
    v: 1,
    type: 'tpm-simulated',
    node: nodeIdOf(ak),
    operator,
    epoch: 7,
    nonce: epochNonce(facts.epoch.seed, 7, nodeIdOf(ak)),
    chain: { id: facts.chainId, registry: facts.registry, block: { number: 40, hash: facts.block.hash } },
    keys: { receipt: toHex(publicPoint(receiptKey)), seal: fill(0x0c, 32), peer: fill(0x0d, 32) },
    checkpoint: { log: 1, sequence: 0, size: 0, root: digestOf(new Uint8Array()) },
    quote: { attest: new Uint8Array(), signature: new Uint8Array() },
    ak,
    pcrs: { [PCR_R]: pcrs.r, [PCR_C]: pcrs.c },
    log,
    ek: [ekP384, issuer],
  }
  const data = qualifyingData(unquoted)
  const evidence = { ...unquoted, quote: quote('ak', 'sha256:12,13', data) }
  const wide = quote('ak', 'sha256:12,13,14', data)
  const rsa = quote('rsa', 'sha256:12,13', data)
  const p384 = quote('p384', 'sha256:12,13', data, 'sha384')
  run('tpm2_certify -c ak.ctx -C ak.ctx -g sha256 -o m -s s')
  const certify = { attest: read('m'), signature: read('s') }
  const quoted = ({ attest, signature }: Evidence['quote']) => ({
    attest: base64(attest),
    signature: base64(signature),
  })
  const vectors = {
    about: 'Made by trust/vectors/make.ts with swtpm and tpm2-tools. Bytes are base64.',
    policy: base64(policy),
    certificates: { root: base64(root), issuer: base64(issuer), ekP384: base64(ekP384), ekRsa: base64(ekRsa) },
    facts,
    evidence: base64(encodeEvidence(evidence)),
    quotes: { wide: quoted(wide), rsa: quoted(rsa), p384: quoted(p384), certify: quoted(certify) },
    publics: Object.fromEntries(Object.entries(others).map(([name, bytes]) => [name, base64(bytes)])),
  }
  writeFileSync(join(import.meta.dirname, 'swtpm.json'), `${JSON.stringify(vectors, null, 2)}\n`)
}
