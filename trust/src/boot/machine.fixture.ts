import { concatBytes, type Digest, fromHex, toHex, utf8 } from '../bytes.ts'
import { digestOf, sha256 } from '../digest.ts'
import { extendPcr } from '../event-log.ts'
import type { PlatformLogs } from '../evidence.ts'
import type { BootReference } from '../reference-values.ts'
import { EV } from './firmware-log.ts'

/** One event as firmware logs it; `digest` where it is not the data's. */
export type Step = { pcr: number; type: number; data: Uint8Array; digest?: Uint8Array }
/** One file as IMA logs it. */
export type File = { path: string; digest: Uint8Array; algorithm?: string; violation?: boolean }

/** A machine that booted {@link RELEASE}: change its parts, then {@link show} it. */
export type Machine = ReturnType<typeof bootMachine>

/** As UEFI writes text. */
export const utf16 = (text: string) => Uint8Array.from([...text].flatMap((char) => [char.charCodeAt(0), 0]))
const le = (value: number, size: number) => Uint8Array.from({ length: size }, (_, i) => (value / 2 ** (8 * i)) & 255)
const sized = (bytes: Uint8Array) => concatBytes(le(bytes.length, 4), bytes)
/** A digest of nothing in particular. */
export const some = (name: string) => sha256(utf8(name))

const root = 'ab'.repeat(32)
const SECTIONS = [
  ['.linux', some('kernel')],
  ['.cmdline', utf8(`panic=5 roothash=${root}`)],
  ['.initrd', some('initrd')],
] as const
const sectionSteps = SECTIONS.flatMap(([name, content]): Step[] => [
  { pcr: 11, type: 13, data: utf16(`${name}\0`), digest: sha256(utf8(`${name}\0`)) },
  { pcr: 11, type: 13, data: utf16(`${name}\0`), digest: sha256(content) },
])

const start = toHex(concatBytes(new Uint8Array(31), Uint8Array.of(3)))
/** PCR 0 where the firmware measured this of itself. */
export const firmwareOf = (crtm: Uint8Array) => extendPcr(extendPcr(start, digestOf(crtm)), digestOf(new Uint8Array(4)))

export const RELEASE: BootReference = {
  name: 'box 1',
  firmware: [firmwareOf(utf8('CRTM'))],
  ukiSha256: toHex(some('uki')),
  kernelSha256: toHex(some('vmlinuz')),
  pcr11: sectionSteps.reduce((value, { digest }) => extendPcr(value, toHex(digest!)), toHex(new Uint8Array(32))),
  commandLine: `panic=5 roothash=${root}`,
  rootHash: `0x${root}`,
  secureBoot: 'required',
  ima: [toHex(some('/init')), toHex(some('/bin/box'))].sort(),
}

/** A UEFI variable as firmware measures it. */
export function variable(name: string, data: Uint8Array, type = 0x80000001): Step {
  const lengths = concatBytes(le(name.length, 8), le(data.length, 8))
  return { pcr: 7, type, data: concatBytes(new Uint8Array(16), lengths, utf16(name), data) }
}

export function bootMachine() {
  const certificate = concatBytes(new Uint8Array(16), some('certificate'))
  const separators = [0, 1, 2, 3, 4, 5, 6, 7].map((pcr): Step => ({ pcr, type: 4, data: new Uint8Array(4) }))
  const named = {
    crtm: { pcr: 0, type: 8, data: utf8('CRTM') },
    secureBoot: variable('SecureBoot', Uint8Array.of(1)),
    authority: variable('db', certificate, EV.variableAuthority),
    calling: { pcr: 4, type: 0x80000007, data: utf8('Calling EFI Application from Boot Option') },
    image: application('uki'),
    kernel: application('vmlinuz'),
    options: { ...application('', 9), digest: sha256(utf16(`${RELEASE.commandLine}\0`)) },
    initrd: { ...application('', 9), digest: sha256(some('initrd')) },
  }
  const { crtm, secureBoot, authority, calling, image, kernel, options, initrd } = named
  const db = variable('db', concatBytes(new Uint8Array(28), certificate))
  const locality = { pcr: 0, type: EV.noAction, data: utf8('StartupLocality\0\u0003') }
  const steps: Step[] = [locality, crtm, secureBoot, variable('PK', certificate), db]
  steps.push(calling, ...separators, authority, image, ...structuredClone(sectionSteps), kernel, options, initrd)
  const files: File[] = ['/init', '/bin/box', '/init'].map((path) => ({ path, digest: some(path) }))
  return { ...named, steps, files, separators, certificate, aggregate: undefined as File | undefined }
}

/** An EFI application as firmware measures it. */
export function application(name: string, pcr = 4): Step {
  return { pcr, type: 0x80000003, data: utf8('where it was loaded from'), digest: some(name) }
}

/** The logs, and the PCRs that they give; `files` may leave some for after the quote. */
export function show(machine: Machine, quoted?: number): { logs: PlatformLogs; pcrs: Record<number, Digest> } {
  const pcrs: Record<number, Digest> = {}
  for (let pcr = 0; pcr < 16; pcr++) pcrs[pcr] = toHex(new Uint8Array(32))
  pcrs[0] = start
  for (const { pcr, type, data, digest } of machine.steps) {
    if (type !== EV.noAction) pcrs[pcr] = extendPcr(pcrs[pcr]!, toHex(digest ?? sha256(data)))
  }
  const booted = Array.from({ length: 10 }, (_, pcr) => fromHex(pcrs[pcr]!))
  const aggregate = machine.aggregate ?? { path: 'boot_aggregate', digest: fromHex(digestOf(concatBytes(...booted))) }
  const files = [aggregate, ...machine.files]
  for (const file of files.slice(0, quoted)) {
    const digest = file.violation ? new Uint8Array(32).fill(0xff) : sha256(templateOf(file))
    pcrs[10] = extendPcr(pcrs[10]!, toHex(digest))
  }
  return { logs: { firmware: encodeFirmwareLog(machine.steps), ima: concatBytes(...files.map(encodeFile)) }, pcrs }
}

/** A crypto-agile log of one bank. */
export function encodeFirmwareLog(steps: readonly Step[], bank = 11, size = 32): Uint8Array {
  const banks = concatBytes(le(1, 4), le(bank, 2), le(size, 2))
  const header = concatBytes(utf8('Spec ID Event03\0'), new Uint8Array(4), Uint8Array.of(0, 2, 0, 2), banks, le(0, 1))
  const events = steps.map(({ pcr, type, data, digest = sha256(data) }) =>
    concatBytes(le(pcr, 4), le(type, 4), le(1, 4), le(bank, 2), digest.subarray(0, size), sized(data)),
  )
  return concatBytes(le(0, 4), le(EV.noAction, 4), new Uint8Array(20), sized(header), ...events)
}

function templateOf({ path, digest, algorithm = 'sha256' }: File): Uint8Array {
  return concatBytes(sized(concatBytes(utf8(`${algorithm}:\0`), digest)), sized(utf8(`${path}\0`)), le(0, 4))
}

/** One `ima-sig` entry of IMA's binary log. */
export function encodeFile(file: File): Uint8Array {
  const sha1 = new Uint8Array(20).fill(file.violation ? 0 : 1)
  return concatBytes(le(10, 4), sha1, sized(utf8('ima-sig')), sized(templateOf(file)))
}
