import { createHash } from 'node:crypto'
import * as boot from '../src/boot/index.ts'
import { type BootReference, EV, type MachineEvidence, parseFirmwareLog, parseImaLog } from '../src/boot/index.ts'
import { concatBytes, type Digest, equalBytes, fromHex, type Policy, TeapotError, toHex } from '../src/index.ts'
import { type Part, type Region, type Span, toldId, whole } from './parts.ts'
import { base64, readGenuine, readGenuineJson, readGenuinePem } from './samples.ts'

export function machineOf(name: string): MachineEvidence {
  const values = Object.entries<string>(readGenuineJson(`box/${name}/pcrs.json`))
  return {
    attest: readGenuine(`box/${name}/quote.attest`),
    signature: readGenuine(`box/${name}/quote.sig`),
    ak: readGenuine(`box/${name}/ak.tpmt_public`),
    ek: [readGenuine(`box/${name}/nv-1c00016.der`), readGenuinePem(`box/${name}/ca-issuer.pem`)],
    pcrs: Object.fromEntries(values.map(([key, value]) => [Number(key.slice(3)), `0x${value}` as Digest])),
    nonce: readGenuine(`box/${name}/nonce.bin`),
    firmware: readGenuine(`box/${name}/binary_bios_measurements`),
    ima: readGenuine(`box/${name}/ima_binary_runtime_measurements`),
  }
}

/** What its build says, the firmware that it ran on, and the files that it may run. */
export function releaseOf(name: string): BootReference {
  const { ukiAuthenticodeSha256, sections, pcr11, cmdline: commandLine } = readGenuineJson(`box/${name}/golden.json`)
  const [, root] = /roothash=(\w+)/.exec(commandLine) ?? []
  const [, ...files] = parseImaLog(machineOf(name).ima)
  const ima = [...new Set(files.map(({ fileDigest }) => toHex(fileDigest)))].sort()
  const secureBoot = name.includes('secureboot') ? 'required' : 'any'
  const kernelSha256 = secureBoot === 'required' ? null : kernelOf(sections['.linux'])
  const digests = { ukiSha256: `0x${ukiAuthenticodeSha256}`, kernelSha256, pcr11: `0x${pcr11}` } as const
  const firmware = [machineOf(name).pcrs[0]!]
  return { name, firmware, ...digests, commandLine, rootHash: root ? `0x${root}` : null, secureBoot, ima }
}

/** As a boot of the same kernel measured it: no build says its Authenticode digest. */
function kernelOf(linux: string): Digest {
  const ofKernel = (name: string) => readGenuineJson(`box/${name}/golden.json`).sections['.linux'] === linux
  const log = `box/${['x64-tcg-tis', 'arm64-tcg-tis'].find(ofKernel)}/binary_bios_measurements`
  return toHex(
    parseFirmwareLog(readGenuine(log))
      .events.findLast(({ pcr }) => pcr === 4)!
      .digests.get(11)!,
  )
}

/** What a policy of machines says besides its roots. */
export const REST = { pcrs: Array.from({ length: 15 }, (_, pcr) => pcr), freshSeconds: 60 }
export const NAMED = ['arm64-tcg-tis', 'x64-secureboot-sea', 'x64-tcg-tis', 'x64-verity-sea']
export const AT = Date.UTC(2026, 11, 1) / 1000

/** For tests alone: takes the CA of a sample for a maker's. */
export function policyOf(name: string, type: 'tpm' | 'tpm-simulated' = 'tpm'): Policy {
  return { v: 1, types: [type], ekRoots: [[type, readGenuinePem(`box/${name}/ca-root.pem`)]], ...REST }
}

/** All machines that booted. */
export const MACHINES = [...NAMED, 'x64-tmpfs-noramfs', 'x64-tampered-js']

/** Every byte that these machines show. */
export function machineParts(machines = MACHINES): Part[] {
  return machines.flatMap((name) => {
    const [machine, policy] = [machineOf(name), policyOf(name)]
    const references = { v: 1, boots: [releaseOf(NAMED.includes(name) ? name : 'x64-tcg-tis')], tees: [] } as const
    const appraiseLogs = boot.createPlatformAppraiser(references)
    const sample = `box/${name}`
    const part = (
      part: string,
      altering: Pick<Part, 'bytes' | 'regions'>,
      put: (altered: Uint8Array) => Partial<MachineEvidence>,
    ): Part => {
      const idOf = async (altered: Uint8Array) =>
        toldId((await boot.appraiseMachine({ ...machine, ...put(altered) }, policy, references, AT)).reasons)
      return { sample, part, ...altering, idOf }
    }
    // The quote before them is the same.
    const log = (name: 'firmware' | 'ima', regions: Region[]): Part => {
      const idOf = async (altered: Uint8Array) =>
        toldId([appraiseLogs({ ...machine, [name]: altered }, machine.pcrs).reason])
      return { sample, part: `${name} log`, bytes: machine[name], regions, idOf }
    }
    const { attest, signature, ak, nonce, pcrs, ek, firmware, ima } = machine
    const [leaf, issuer] = ek as [Uint8Array, Uint8Array]
    const rsa = readGenuine(`box/${name}/nv-1c00002.der`)
    const values = concatBytes(...REST.pcrs.map((pcr) => fromHex(pcrs[pcr]!)))
    const valuesOf = (altered: Uint8Array) =>
      Object.fromEntries(REST.pcrs.map((pcr) => [pcr, toHex(altered.subarray(pcr * 32, pcr * 32 + 32))]))
    return [
      part('attest', whole(/^quote\//, attest), (altered) => ({ attest: altered })),
      part('signature', whole(/^quote\/signature$/, signature), (altered) => ({ signature: altered })),
      part('ak', whole(/^(identity\/ak|quote\/signature)$/, ak), (altered) => ({ ak: altered })),
      part('nonce', whole(/^quote\/nonce$/, nonce), (altered) => ({ nonce: altered })),
      part('pcrs', whole(/^quote\/values$/, values, 9), (altered) => ({ pcrs: valuesOf(altered) })),
      part('EK certificate', whole(/^endorsement\/chain$/, leaf, STEP), (altered) => ({ ek: [altered, issuer] })),
      part('EK certificate, RSA', whole(/^endorsement\/chain$/, rsa, STEP), (altered) => ({ ek: [altered, issuer] })),
      part('its issuer', whole(/^endorsement\/chain$/, issuer, STEP, 'EK issuer'), (altered) => ({
        ek: [leaf, altered],
      })),
      log('firmware', firmwareRegions(firmware, /^platform\/firmware-log$/, /^platform\//)),
      log('ima', imaRegions(ima, fromHex(pcrs[boot.PCR_IMA]!))),
    ]
  })
}

/** Which events no PCR holds. */
const UNMEASURED = 'EV_NO_ACTION extends nothing (Platform Firmware Profile §10.4.5)'
const TYPE = "no digest covers an event's type (Platform Firmware Profile §10.2.2)"
const DATA = 'what is measured is the digest: data only say of what, and count where the digest is theirs'
/** Of bits, where `npm test` flips a sample of them. */
const STEP = 57

/** As the events stand in a log, each field in its region. @param any where what is not measured may be refused too */
function firmwareRegions(log: Uint8Array, ids: RegExp, any = ids): Region[] {
  const spans = { measured: [] as Span[], types: [] as Span[], data: [] as Span[], unmeasured: [] as Span[] }
  for (const { at, type, data, end } of eventsOf(log)) {
    if (type === EV.noAction) spans.unmeasured.push([at, end])
    else {
      spans.measured.push([at, at + 4], [at + 8, data])
      spans.types.push([at + 4, at + 8])
      spans.data.push([data, end])
    }
  }
  const passing = (name: string, spans: Span[], free: string) => ({ name, spans, free, ids: any, step: STEP })
  return [
    { name: 'PCRs, digests and lengths', spans: spans.measured, ids, step: STEP },
    passing('event types', spans.types, TYPE),
    passing('event data', spans.data, DATA),
    passing('events that extend nothing', spans.unmeasured, UNMEASURED),
  ].filter(({ spans }) => spans.length > 0)
}

/** Where each event begins, where its data do, and where it ends. */
function eventsOf(log: Uint8Array) {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength)
  const { banks } = parseFirmwareLog(log)
  const isAgile = Buffer.from(log.subarray(32, 47)).toString() === 'Spec ID Event03'
  const events = []
  for (let at = 0; at < log.length; ) {
    const digests = at === 0 || !isAgile ? 20 : 4 + banks.reduce((sum, bank) => sum + 2 + SIZES[bank]!, 0)
    const data = at + 8 + digests + 4
    const end = data + view.getUint32(data - 4, true)
    events.push({ at, type: view.getUint32(at + 4, true), data, end })
    at = end
  }
  return events
}

const SIZES: Readonly<Record<number, number>> = { 4: 20, 11: 32, 12: 48 }

/** As the entries stand in a log, each field in its region. @param pcr what PCR 10 was when quoted */
function imaRegions(log: Uint8Array, pcr: Uint8Array): Region[] {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength)
  const quoted = boot.quotedEntries(parseImaLog(log), pcr)
  const spans = { measured: [] as Span[], sha1: [] as Span[], later: [] as Span[] }
  for (let at = 0, i = 0; at < log.length; i++) {
    const data = at + 24 + 4 + view.getUint32(at + 24, true)
    const end = data + 4 + view.getUint32(data, true)
    if (i >= quoted) spans.later.push([at, end])
    else {
      spans.measured.push([at, at + 4], [at + 24, end])
      spans.sha1.push([at + 4, at + 24])
    }
    at = end
  }
  const passing = (name: string, spans: Span[], free: string) => ({
    name,
    spans,
    free,
    ids: /^platform\/ima/,
    step: STEP,
  })
  return [
    { name: 'fields and lengths', spans: spans.measured, ids: /^platform\/ima(-log|-aggregate)?$/, step: STEP },
    passing('SHA-1 digests', spans.sha1, 'the quote is over the SHA-256 bank, whose digests are made of the fields'),
    passing('entries that no quote covers', spans.later, 'they are newer than the quote, or IMA found no TPM'),
  ].filter(({ spans }) => spans.length > 0)
}

/** Logs of others' machines: their banks, the locality that the TPM was started from, and how many events. */
export const LOGS: [name: string, banks: number[], locality: number, events: number][] = [
  ['tpm/ga-crypto_agile_eventlog.bin', [11], 0, 27],
  ['tpm/ga-option_rom_eventlog.bin', [4], 0, 61],
  ['tpm/ga-ubuntu_2104_no_secure_boot_eventlog.bin', [4, 11, 12], 0, 106],
  ['tpm/gtt-arch-linux-workstation.bin', [4, 11], 0, 25],
  ['tpm/gtt-glinux-alex.bin', [4, 11], 3, 29],
  ['tpm/gtt-rhel8-uefi.bin', [4, 11, 12], 0, 83],
  ['tpm/gtt-ubuntu-2404-amd-sevsnp.bin', [4, 11, 12], 0, 117],
  ['tpm/kl-binary_bios_measurements', [4, 11], 3, 121],
  ['tpm/kl-binary_bios_measurements-secureboot', [11], 0, 99],
  ['tpm/t2t-event-moklisttrusted.bin', [11], 0, 97],
  ['tpm/t2t-event-postcode.bin', [4, 11], 0, 59],
]

/**
 * Every byte of what others' machines measured, but for data, of which their logs consist for the most part. Several events at
 * a time, each behind the header of their log: what a PCR becomes by those before and after is another only where it was before.
 */
export function logParts(): Part[] {
  return [...LOGS.map(([name]) => name), GOOGLE, WINDOWS, CCEL].flatMap((sample) =>
    blocksOf(readLog(sample)).map((bytes) => logPart(sample, bytes)),
  )
}

const EVENTS_AT_ONCE = 4

function blocksOf(log: Uint8Array): Uint8Array[] {
  const [header, ...events] = eventsOf(log)
  const isAgile = parseFirmwareLog(log).banks.join() !== '4'
  const first = isAgile ? log.subarray(header!.at, header!.end) : new Uint8Array()
  const rest = isAgile ? events : [header!, ...events]
  return Array.from({ length: Math.ceil(rest.length / EVENTS_AT_ONCE) }, (_, i) => {
    const some = rest.slice(i * EVENTS_AT_ONCE, (i + 1) * EVENTS_AT_ONCE)
    return concatBytes(first, log.subarray(some[0]!.at, some.at(-1)!.end))
  })
}

function logPart(sample: string, bytes: Uint8Array): Part {
  const { banks } = parseFirmwareLog(bytes)
  const replay = (log: boot.FirmwareLog) => banks.flatMap((bank) => boot.replayFirmwareLog(log, bank, hashOf(bank)))
  const genuine = replay(parseFirmwareLog(bytes))
  const idOf = async (altered: Uint8Array) => {
    try {
      return replay(parseFirmwareLog(altered)).every((value, i) => equalBytes(value, genuine[i]!))
        ? undefined
        : 'replay'
    } catch (error) {
      if (error instanceof TeapotError) return 'malformed'
      throw error
    }
  }
  const regions = firmwareRegions(bytes, /^(malformed|replay)$/).filter(({ name }) => name !== 'event data')
  return { sample, part: 'log', bytes, regions, idOf }
}

export const GOOGLE = 'tpm/gtt-gce-cos-85-nonce9009.pb'
export const WINDOWS = 'tpm/ga-windows_gcp_shielded_vm.json'
export const CCEL = 'tee/tdx-v4/gcp-cos113.ccel_data.dat'

/** A log that is a file, or stands within one. */
export function readLog(name: string): Uint8Array {
  const bytes = name === WINDOWS ? new Uint8Array() : readGenuine(name)
  if (name === WINDOWS) {
    const { Log } = readGenuineJson(name)
    return base64(Log.Raw ?? Log)
  }
  if (name === GOOGLE) {
    const start = Buffer.from(bytes).indexOf('Spec ID Event03') - 32
    return bytes.slice(start, start + 23_970)
  }
  return name === CCEL ? bytes.slice(0, bytes.findLastIndex((byte) => byte !== 0xff) + 1) : bytes
}

/** A bank's hash function. @param bank TPM_ALG_ID */
export function hashOf(bank: number): (bytes: Uint8Array) => Uint8Array {
  const algorithm = { 4: 'sha1', 11: 'sha256', 12: 'sha384' }[bank]!
  return (bytes) => new Uint8Array(createHash(algorithm).update(bytes).digest())
}
