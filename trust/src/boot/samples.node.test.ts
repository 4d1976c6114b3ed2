import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readVendorRoots, vendorPolicy } from '../../vendor-roots/policy.ts'
import { firstFailure } from '../appraise/reason.ts'
import { concatBytes, type Digest, fromHex, type Policy, parseAttest, sha256, toHex } from '../index.ts'
import * as boot from './index.ts'
import { type BootReference, type MachineEvidence, parseFirmwareLog, parseImaLog } from './index.ts'
import { encodeFile } from './machine.fixture.ts'

/** Boots of our own and logs of others, kept beside the checkout. */
const folder = join(import.meta.dirname, '../../../../shared/samples')
const present = existsSync(folder)
if (!present) console.warn('SKIPPED: the tests on samples of measured boots, as ../shared/samples is not there')
const read = (name: string) => new Uint8Array(readFileSync(join(folder, name)))
const json = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'))
const base64 = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
const pem = (name: string) => base64(readFileSync(join(folder, name), 'utf8').replace(/-----.*-----|\n/g, ''))
const hashOf = (bank: number) => (bytes: Uint8Array) =>
  new Uint8Array(createHash({ 4: 'sha1', 11: 'sha256', 12: 'sha384' }[bank]!).update(bytes).digest())
const replay = (log: Uint8Array, bank: number) => boot.replayFirmwareLog(parseFirmwareLog(log), bank, hashOf(bank))
/** With those that only a dynamic launch sets (PC Client Platform TPM Profile §4.6). */
const quotable = (log: Uint8Array, bank: number) =>
  replay(log, bank).map((value, pcr) => (pcr > 16 && pcr < 23 ? value.fill(0xff) : value))

function machineOf(name: string): MachineEvidence {
  const values = Object.entries<string>(json(`box/${name}/pcrs.json`))
  return {
    attest: read(`box/${name}/quote.attest`),
    signature: read(`box/${name}/quote.sig`),
    ak: read(`box/${name}/ak.tpmt_public`),
    ek: [read(`box/${name}/nv-1c00016.der`), pem(`box/${name}/ca-issuer.pem`)],
    pcrs: Object.fromEntries(values.map(([key, value]) => [Number(key.slice(3)), `0x${value}` as Digest])),
    nonce: read(`box/${name}/nonce.bin`),
    firmware: read(`box/${name}/binary_bios_measurements`),
    ima: read(`box/${name}/ima_binary_runtime_measurements`),
  }
}

/** What its build says, the firmware that it ran on, and the files that it may run. */
function releaseOf(name: string): BootReference {
  const { ukiAuthenticodeSha256, sections, pcr11, cmdline: commandLine } = json(`box/${name}/golden.json`)
  const [, root] = /roothash=(\w+)/.exec(commandLine) ?? []
  const [, ...files] = parseImaLog(read(`box/${name}/ima_binary_runtime_measurements`))
  const ima = [...new Set(files.map(({ fileDigest }) => toHex(fileDigest)))].sort()
  const secureBoot = name.includes('secureboot') ? 'required' : 'any'
  const kernelSha256 = secureBoot === 'required' ? null : kernelOf(sections['.linux'])
  const digests = { ukiSha256: `0x${ukiAuthenticodeSha256}`, kernelSha256, pcr11: `0x${pcr11}` } as const
  const firmware = [machineOf(name).pcrs[0]!]
  return { name, firmware, ...digests, commandLine, rootHash: root ? `0x${root}` : null, secureBoot, ima }
}

/** As a boot of the same kernel measured it: no build says its Authenticode digest. */
function kernelOf(linux: string): Digest {
  const ofKernel = (name: string) => json(`box/${name}/golden.json`).sections['.linux'] === linux
  const log = `box/${['x64-tcg-tis', 'arm64-tcg-tis'].find(ofKernel)}/binary_bios_measurements`
  return toHex(
    parseFirmwareLog(read(log))
      .events.findLast(({ pcr }) => pcr === 4)!
      .digests.get(11)!,
  )
}

describe.skipIf(!present)('a machine that booted', () => {
  const rest = { pcrs: Array.from({ length: 15 }, (_, pcr) => pcr), freshSeconds: 60 }
  const NAMED = ['arm64-tcg-tis', 'x64-secureboot-sea', 'x64-tcg-tis', 'x64-verity-sea']
  const AT = Date.UTC(2026, 11, 1) / 1000
  /** For tests alone: takes the CA of a sample for a maker's. */
  const policyOf = (name: string, type: 'tpm' | 'tpm-simulated' = 'tpm'): Policy => {
    return { v: 1, types: [type], ekRoots: [[type, pem(`box/${name}/ca-root.pem`)]], ...rest }
  }
  const appraise = (machine: MachineEvidence, policy: Policy, at = AT, boots = NAMED.map(releaseOf)) =>
    boot.appraiseMachine(machine, policy, { v: 1, boots, tees: [] }, at)

  it.each([
    ['x64-verity-sea', 'affirming', 'measured', /what the references name\.$/],
    ['x64-tcg-tis', 'affirming', 'none', /not so: The root file system is read-only/],
    ['x64-secureboot-sea', 'affirming', 'none', /not so: The root file system is read-only/],
    ['arm64-tcg-tis', 'contraindicated', 'none', /zero: IMA found no TPM/],
    ['x64-tmpfs-noramfs', 'contraindicated', 'none', /event 22 \(EV_EFI_BOOT_SERVICES_APPLICATION, PCR 4, 0x5b2b4ec/],
    ['x64-tampered-js', 'contraindicated', 'none', /of release x64-tcg-tis .* PCR 4, 0xb532fcc8/],
  ])('as %s is %s, integrity %s, and none under what is shipped', async (name, tier, integrity, summary) => {
    const machine = machineOf(name)
    const verdict = await appraise(machine, policyOf(name))
    expect([verdict.tier, verdict.assurance.integrity]).toEqual([tier, integrity])
    expect(verdict.summary).toMatch(summary)
    const shipped = vendorPolicy([...new Set(readVendorRoots().map(({ vendor }) => vendor))], rest)
    const none = [appraise(machine, shipped), appraise(machine, policyOf(name, 'tpm-simulated'))]
    for (const { tier, assurance } of await Promise.all([...none, appraise(machine, policyOf(name), 0)])) {
      expect([tier, assurance.integrity]).toEqual(['none', 'none'])
    }
  })
  it('with a changed file is told its name, the section and the PCRs', async () => {
    const told = JSON.stringify(await appraise(machineOf('x64-tampered-js'), policyOf('x64-tampered-js')))
    expect(told).toMatch(/PCR 11 0xb35e208a.*\.initrd 0x26e7b56a.*box\.mjs \(sha256 0x3471210d/)
  })
  it('on firmware that is not named is told which, where all else is', async () => {
    const [machine, release] = [machineOf('x64-verity-sea'), releaseOf('x64-verity-sea')]
    const boots = [{ ...release, firmware: releaseOf('x64-tcg-tis').firmware }]
    const { tier, summary } = await appraise(machine, policyOf('x64-verity-sea'), AT, boots)
    expect([tier, machineOf('x64-tmpfs-noramfs').pcrs[0]]).toEqual(['contraindicated', boots[0]!.firmware[0]])
    expect(summary).toMatch(
      /PCR 0 0x3e695b10.*found 0x93b4db75.*event 2 \(EV_EFI_PLATFORM_FIRMWARE_BLOB, PCR 0, 0xac3c/,
    )
  })
  it('whose files IMA did not look at is refused, also where its image is named', async () => {
    const [machine, release] = [machineOf('x64-tmpfs-noramfs'), releaseOf('x64-tcg-tis')]
    const commandLine = release.commandLine.replace('rootfstype=ramfs ', '')
    const ukiSha256 = '0x5b2b4eca889c45a92109913760cbd882e157798596d13eb863c5af4c79472392'
    const boots = [{ ...release, ukiSha256, pcr11: machine.pcrs[11]!, commandLine } as const]
    const { summary } = await appraise(machine, policyOf('x64-tmpfs-noramfs'), AT, boots)
    expect(summary).toMatch(/does not look at a tmpfs/)
  })
  it('is refused for any bit of its quote or signature, by a reason of the quote', async () => {
    const [machine, policy] = [machineOf('x64-verity-sea'), policyOf('x64-verity-sea')]
    for (const part of ['attest', 'signature'] as const) {
      for (let bit = 0; bit < machine[part].length * 8; bit++) {
        const bytes = machine[part].with(bit >> 3, machine[part][bit >> 3]! ^ (1 << (bit & 7)))
        const { tier, reasons } = await appraise({ ...machine, [part]: bytes }, policy, AT, [])
        expect([tier, firstFailure(reasons)?.id.slice(0, 6)], `${part}, bit ${bit}`).toEqual(['none', 'quote/'])
      }
    }
  })
  it('is refused with another nonce, value or AK', async () => {
    const machine = machineOf('x64-verity-sea')
    const { pcrs, ak, nonce, ima } = machine
    const others = { ...pcrs, 3: pcrs[4]! }
    const altered = [{ pcrs: others }, { ak: ak.with(5, 0) }, { ak: ima }, { nonce: nonce.subarray(1) }]
    for (const change of altered) {
      expect((await appraise({ ...machine, ...change }, policyOf('x64-verity-sea'))).tier).toBe('none')
    }
  })
})

describe.skipIf(!present)("logs of others' machines", () => {
  const oracle = spawnSync('tpm2_eventlog', ['--version']).status === 0

  it.each([
    ['ga-crypto_agile_eventlog.bin', [11], 0, 27],
    ['ga-option_rom_eventlog.bin', [4], 0, 61],
    ['ga-ubuntu_2104_no_secure_boot_eventlog.bin', [4, 11, 12], 0, 106],
    ['gtt-arch-linux-workstation.bin', [4, 11], 0, 25],
    ['gtt-glinux-alex.bin', [4, 11], 3, 29],
    ['gtt-rhel8-uefi.bin', [4, 11, 12], 0, 83],
    ['gtt-ubuntu-2404-amd-sevsnp.bin', [4, 11, 12], 0, 117],
    ['kl-binary_bios_measurements', [4, 11], 3, 121],
    ['kl-binary_bios_measurements-secureboot', [11], 0, 99],
    ['t2t-event-moklisttrusted.bin', [11], 0, 97],
    ['t2t-event-postcode.bin', [4, 11], 0, 59],
  ])('%s is read, and replays as tpm2_eventlog says', (name, banks, locality, count) => {
    const log = parseFirmwareLog(read(`tpm/${name}`))
    expect([log.banks, log.locality, log.events.length]).toEqual([banks, locality, count])
    const { stdout } = spawnSync('tpm2_eventlog', [join(folder, 'tpm', name)], { encoding: 'utf8', maxBuffer: 2 ** 26 })
    const values = (stdout ?? '').split('\npcrs:').at(-1)!
    const told = [...values.matchAll(/ (\d+) *: (0x[0-9a-f]{64})\n/g)]
    if (oracle && banks.includes(11)) expect(told.length).toBeGreaterThan(6)
    for (const [, pcr, value] of told) {
      // Up to 5.5 it extends EV_NO_ACTION, which shows where PCR 0 starts from another locality.
      if (pcr !== '0' || !locality)
        expect(toHex(replay(read(`tpm/${name}`), 11)[Number(pcr)]!), `PCR ${pcr}`).toBe(value)
    }
  })
  it.each([
    [4, '0xe655831ad17eb698f57048a6bfdefdef3b62cc98'],
    [11, '0x63b093fd26fd34dc09ec621ff349f1053145d559422f11dbce734b3b00b5d673'],
  ])("of a Google cloud machine replay to what its TPM signed, in bank %i, with IMA's PCR as quoted", (bank, ima) => {
    const message = Buffer.from(read('tpm/gtt-gce-cos-85-nonce9009.pb'))
    const start = message.indexOf('Spec ID Event03') - 32
    const values = quotable(message.subarray(start, start + 23_970), bank).with(10, fromHex(ima))
    expect(message.includes(sha256(concatBytes(...values)))).toBe(true)
  })
  it('of a Windows machine replay to the SHA-1 values that its TPM signed', () => {
    const { Log, Quote } = json('tpm/ga-windows_gcp_shielded_vm.json')
    const { selection, pcrDigest } = parseAttest(base64(Quote.Quote))
    const values = quotable(base64(Log.Raw ?? Log), 4)
    const chosen = selection[0]!.pcrs.map((pcr) => values[pcr]!)
    expect(hashOf(4)(concatBytes(...chosen))).toEqual(pcrDigest)
  })
  it('of a confidential machine, in the form of a TPM, replay to the RTMRs of its TDX quote', () => {
    const padded = read('tee/tdx-v4/gcp-cos113.ccel_data.dat')
    expect(() => parseFirmwareLog(padded)).toThrow('a PCR below 24')
    const values = replay(padded.subarray(0, padded.findLastIndex((byte) => byte !== 0xff) + 1), 12)
    expect(concatBytes(...values.slice(1, 5))).toEqual(read('tee/tdx-v4/gcp-cos113.quote.bin').subarray(376, 568))
  })
  it('of files carry SHA-1 digests that are those of the fields', () => {
    const text = ['kl-ima-log-sha256', 'kl-ima-sig-measurements.ascii'].map((name) => Buffer.from(read(`tpm/${name}`)))
    const lines = [...text.join('\n').matchAll(/^10 (\w+) ima-(\w+) (\w+):(\w+) (\S+)/gm)]
    expect(lines).toHaveLength(5)
    for (const [, sha1, template, algorithm, hex, path] of lines) {
      const file = { path: path!, algorithm: algorithm!, digest: fromHex(`0x${hex}`) }
      const data = encodeFile(file).subarray(39, template === 'sig' ? undefined : -4)
      expect(toHex(hashOf(4)(data))).toBe(`0x${sha1}`)
      expect(parseImaLog(encodeFile(file))).toMatchObject([{ path, algorithm, fileDigest: file.digest }])
    }
  })
})
