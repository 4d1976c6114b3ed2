import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import {
  AT,
  CCEL,
  GOOGLE,
  hashOf,
  LOGS,
  machineOf,
  machineParts,
  NAMED,
  policyOf,
  REST,
  readLog,
  releaseOf,
  WINDOWS,
} from '../../genuine/boot.ts'
import { base64, hasGenuine, pathOfGenuine, readGenuine, readGenuineJson } from '../../genuine/samples.ts'
import { readVendorRoots, vendorPolicy } from '../../vendor-roots/policy.ts'
import { EACH_BIT_MS, eachRegion, takesNone } from '../appraise/altered.fixture.ts'
import { concatBytes, fromHex, type Policy, parseAttest, sha256, toHex } from '../index.ts'
import * as boot from './index.ts'
import { type MachineEvidence, parseFirmwareLog, parseImaLog } from './index.ts'
import { encodeFile } from './machine.fixture.ts'

const present = hasGenuine('', 'the tests on samples of measured boots')
const replay = (log: Uint8Array, bank: number) => boot.replayFirmwareLog(parseFirmwareLog(log), bank, hashOf(bank))
/** With those that only a dynamic launch sets (PC Client Platform TPM Profile §4.6). */
const quotable = (log: Uint8Array, bank: number) =>
  replay(log, bank).map((value, pcr) => (pcr > 16 && pcr < 23 ? value.fill(0xff) : value))

describe.skipIf(!present)('a machine that booted', () => {
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
    const shipped = vendorPolicy([...new Set(readVendorRoots().map(({ vendor }) => vendor))], REST)
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
  const parts = present ? machineParts(['x64-verity-sea']) : []
  it.each(eachRegion(parts))('is refused where a bit of the %s, %s, is flipped', takesNone, EACH_BIT_MS)
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

  it.each(LOGS)('%s is read, and replays as tpm2_eventlog says', (name, banks, locality, count) => {
    const log = parseFirmwareLog(readLog(name))
    expect([log.banks, log.locality, log.events.length]).toEqual([banks, locality, count])
    const { stdout } = spawnSync('tpm2_eventlog', [pathOfGenuine(name)], { encoding: 'utf8', maxBuffer: 2 ** 26 })
    const values = (stdout ?? '').split('\npcrs:').at(-1)!
    const told = [...values.matchAll(/ (\d+) *: (0x[0-9a-f]{64})\n/g)]
    if (oracle && banks.includes(11)) expect(told.length).toBeGreaterThan(6)
    for (const [, pcr, value] of told) {
      // Up to 5.5 it extends EV_NO_ACTION, which shows where PCR 0 starts from another locality.
      if (pcr !== '0' || !locality) expect(toHex(replay(readLog(name), 11)[Number(pcr)]!), `PCR ${pcr}`).toBe(value)
    }
  })
  it.each([
    [4, '0xe655831ad17eb698f57048a6bfdefdef3b62cc98'],
    [11, '0x63b093fd26fd34dc09ec621ff349f1053145d559422f11dbce734b3b00b5d673'],
  ])("of a Google cloud machine replay to what its TPM signed, in bank %i, with IMA's PCR as quoted", (bank, ima) => {
    const values = quotable(readLog(GOOGLE), bank).with(10, fromHex(ima))
    expect(Buffer.from(readGenuine(GOOGLE)).includes(sha256(concatBytes(...values)))).toBe(true)
  })
  it('of a Windows machine replay to the SHA-1 values that its TPM signed', () => {
    const { selection, pcrDigest } = parseAttest(base64(readGenuineJson(WINDOWS).Quote.Quote))
    const values = quotable(readLog(WINDOWS), 4)
    const chosen = selection[0]!.pcrs.map((pcr) => values[pcr]!)
    expect(hashOf(4)(concatBytes(...chosen))).toEqual(pcrDigest)
  })
  it('of a confidential machine, in the form of a TPM, replay to the RTMRs of its TDX quote', () => {
    expect(() => parseFirmwareLog(readGenuine(CCEL))).toThrow('a PCR below 24')
    const rtmrs = readGenuine('tee/tdx-v4/gcp-cos113.quote.bin').subarray(376, 568)
    expect(concatBytes(...replay(readLog(CCEL), 12).slice(1, 5))).toEqual(rtmrs)
  })
  it('of files carry SHA-1 digests that are those of the fields', () => {
    const text = ['kl-ima-log-sha256', 'kl-ima-sig-measurements.ascii'].map((name) =>
      Buffer.from(readGenuine(`tpm/${name}`)),
    )
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
