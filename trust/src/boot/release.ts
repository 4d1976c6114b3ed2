import type { PlatformAppraisal } from '../appraise/beneath.ts'
import { check, fail, group, pass, short, unchecked } from '../appraise/reason.ts'
import { concatBytes, type Digest, toHex, utf8 } from '../bytes.ts'
import { digestOf } from '../digest.ts'
import type { BootReference } from '../reference-values.ts'
import type { Reason } from '../verdict.ts'
import type { ImaEntry } from './ima-log.ts'
import { firstOf, isSeparator, type Measured, nameEvents, type Pcrs } from './replayed.ts'
import { appraiseSecureBoot } from './secure-boot.ts'

const BOOTED_PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 9, 11]
const CALLING = digestOf(utf8('Calling EFI Application from Boot Option'))
const FIX = 'boot an image that the references name, or propose this one to the committee'
const utf16 = new TextDecoder('utf-16le')

/**
 * Holds what was measured against one release; `measured` when every part is the release's (spec/boot.md §4, §5).
 * @param files undefined where IMA's log does not hold
 */
export function appraiseRelease(
  release: BootReference,
  pcrs: Pcrs,
  events: readonly Measured[],
  files: readonly ImaEntry[] | undefined,
): PlatformAppraisal {
  const sections = sectionsOf(events)
  const reasons = [
    appraiseFirmware(release, pcrs, events),
    appraiseImage(release, events),
    appraiseSections(release, pcrs, sections),
    ...appraiseKernel(release, events, sections),
    appraiseSecureBoot(release, events),
    appraiseOthers(events),
    appraiseFiles(release, files),
    appraiseDrivers(events),
    appraiseRoot(release),
  ]
  const measured = reasons.every(({ status }) => status === 'pass')
  return { reason: group('platform/release', `It is release ${release.name}`, reasons), measured }
}

/** Whose firmware is another's can be told any chain above it (spec/boot.md §4.1). */
function appraiseFirmware({ firmware, name }: BootReference, pcrs: Pcrs, events: readonly Measured[]): Reason {
  const parts = events.filter((event) => event.pcr === 0 && !isSeparator(event))
  return check('platform/firmware', 'Its firmware is one that the release names', firmware.includes(pcrs[0]!), {
    expected: `PCR 0 ${firmware.join(' or ')}, as release ${name} names`,
    found: `${pcrs[0]}, of ${nameEvents(parts)}`,
    source: 'TCG PC Client Platform Firmware Profile §3.3.4.1; reference values',
    fix: 'install a firmware release that the references name, or propose this one to the committee',
  })
}

/** Nothing may have run before the image, and nothing after it but the kernel within it (spec/boot.md §4.2). */
function appraiseImage({ ukiSha256, kernelSha256, name }: BootReference, events: readonly Measured[]): Reason {
  const id = 'platform/image'
  const title = "Firmware started the release's image and nothing else"
  const pcr4 = events.filter(({ pcr }) => pcr === 4)
  const image = pcr4.find((event) => !isSeparator(event) && event.digest !== CALLING)
  const start = image ? pcr4.indexOf(image) : pcr4.length
  const [before, after] = [pcr4.slice(0, start), pcr4.slice(start + 1)]
  // What firmware tried first can have run, and come back.
  const first = before.some(isSeparator) && new Set(before.map(({ digest }) => digest)).size === before.length
  const known = image?.digest === ukiSha256
  const followed = after.map(({ digest }) => digest).join() === (kernelSha256 ?? '')
  const seen = known ? `it, then ${nameEvents(after)}` : nameEvents(image ? [image] : [])
  return check(id, title, known && first && followed, {
    expected: `image ${ukiSha256} of release ${name} at the first attempt, then ${kernelSha256 ?? 'nothing'}`,
    found: known && !first ? 'another attempt before it' : seen,
    source: 'TCG PC Client Platform Firmware Profile §3.3.4.5; reference values',
    fix: 'put an image that the references name first in the boot order, or propose this one to the committee',
  })
}

function appraiseSections({ pcr11 }: BootReference, pcrs: Pcrs, sections: ReadonlyMap<string, Digest>): Reason {
  const told = [...sections].map(([name, digest]) => `${name} ${short(digest)}`).join(', ')
  return check('platform/sections', "The image's sections are the release's", pcrs[11] === pcr11, {
    expected: `PCR 11 ${pcr11}`,
    found: `${pcrs[11]}: ${told || 'no sections'}`,
    source: 'reference values; systemd-stub',
    fix: FIX,
  })
}

/** What the kernel says it was given, in PCR 9: a loader can replace the image's own command line and add to its files. */
function appraiseKernel(
  { commandLine }: BootReference,
  events: readonly Measured[],
  sections: ReadonlyMap<string, Digest>,
): Reason[] {
  const [options, ...files] = events.filter(({ pcr }) => pcr === 9)
  const initrd = sections.get('.initrd') ?? ''
  const alone = files.map(({ digest }) => digest).join() === initrd
  const given = options?.digest === digestOf(toUtf16(`${commandLine}\0`))
  const held = sections.get('.cmdline') === digestOf(utf8(commandLine))
  const source = 'reference values; Linux, EFI stub'
  return [
    check('platform/command-line', "The kernel's command line is the release's", given && held, {
      expected: `'${commandLine}' in the image and given to the kernel`,
      found: `${held ? '' : 'another in the image, '}given ${options ? nameEvents([options]) : 'none'}`,
      source,
      fix: 'boot the image without options of your own',
    }),
    check('platform/initrd', "The kernel's first files are the image's", alone, {
      expected: `the section .initrd ${initrd} alone`,
      found: nameEvents(files),
      source,
      fix: 'remove credentials and extensions from beside the image',
    }),
  ]
}

function appraiseOthers(events: readonly Measured[]): Reason {
  const others = events.filter(({ pcr }) => !BOOTED_PCRS.includes(pcr))
  return check('platform/others', 'Nothing else was measured before the kernel', others.length === 0, {
    expected: `events for PCRs ${BOOTED_PCRS.join(', ')}`,
    found: nameEvents(others),
    source: 'spec/boot.md §4.7',
    fix: 'boot the image directly, without another boot loader',
  })
}

function appraiseFiles({ ima, name }: BootReference, files: readonly ImaEntry[] | undefined): Reason {
  const id = 'platform/files'
  const title = "All files that ran are the release's"
  if (!files) return unchecked(id, title, 'no log of files that holds')
  const [, ...measured] = files
  if (measured.length === 0) {
    return fail(id, title, {
      expected: 'files that were measured',
      found: 'none: IMA does not look at a tmpfs',
      source: 'Linux, IMA policy',
      fix: 'boot with rootfstype=ramfs and a policy that measures what runs',
    })
  }
  const allowed = new Set(ima)
  const unknown = measured.filter(
    (file) => file.violation || file.algorithm !== 'sha256' || !allowed.has(toHex(file.fileDigest)),
  )
  return check(id, title, unknown.length === 0, {
    expected: `files of release ${name}`,
    found: firstOf(unknown.map(nameFile)),
    source: 'reference values',
    fix: FIX,
  })
}

/** Code of cards and of the owner runs beneath all else, and no reference names it: worth nothing, and no offence. */
function appraiseDrivers(events: readonly Measured[]): Reason {
  const id = 'platform/drivers'
  const title = "No code ran that is neither the firmware's nor the release's"
  const drivers = events.filter((event) => event.pcr === 2 && !isSeparator(event))
  return drivers.length === 0 ? pass(id, title) : unchecked(id, title, `no reference names ${nameEvents(drivers)}`)
}

/** A root that its owner can write runs what they write; only the image can say which root it takes (spec/boot.md §5). */
function appraiseRoot({ rootHash, commandLine }: BootReference): Reason {
  const id = 'platform/root'
  const title = 'The root file system is read-only, and named by the command line'
  if (!rootHash) return unchecked(id, title, 'the release has none: its owner can run code of their own')
  const named = commandLine.split(' ').filter((option) => option.startsWith('roothash='))
  if (named.join() === `roothash=${rootHash.slice(2)}`) return pass(id, title, rootHash)
  return unchecked(id, title, `${rootHash} is not on the command line`)
}

/** Name and content of each section, as systemd-stub measures them in turn; a name that is not as measured is `?`. */
function sectionsOf(events: readonly Measured[]): Map<string, Digest> {
  const pcr11 = events.filter(({ pcr }) => pcr === 11)
  const sections = new Map<string, Digest>()
  for (let i = 0; i + 1 < pcr11.length; i += 2) {
    const name = utf16.decode(pcr11[i]!.data).replace(/\0+$/, '')
    const known = digestOf(concatBytes(utf8(name), new Uint8Array(1))) === pcr11[i]!.digest
    sections.set(known ? printable(name) : '?', pcr11[i + 1]!.digest)
  }
  return sections
}

function nameFile({ path, fileDigest, violation, algorithm }: ImaEntry): string {
  return `${printable(path)} (${violation ? 'changed while measured' : `${algorithm} ${toHex(fileDigest)}`})`
}

/** What the owner may have named is shown on terminals. */
function printable(name: string): string {
  return name.replace(/[^\x20-\x7e]/g, '?')
}

function toUtf16(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length * 2 }, (_, i) => text.charCodeAt(i >> 1) >> (i % 2 ? 8 : 0))
}
