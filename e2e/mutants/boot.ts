import { mutantsOf } from './mutant.ts'

const PLATFORM = { tests: ['trust/src/boot/platform-appraiser.test.ts'] }

/** What a machine booted. */
export const BOOT = [
  ...mutantsOf(
    'trust/src/boot/release.ts',
    PLATFORM,
    ['boot: the firmware is one that is named', 'firmware.includes(pcrs[0]!)', 'true'],
    ['boot: the image is one that is named', 'known && first', 'first'],
    ['boot: firmware tried nothing before the image', 'known && first', 'known'],
    ['boot: nothing follows the kernel', 'after.map(', 'after.slice(0, 1).map('],
    ["boot: the kernel is the release's", "=== (kernelSha256 ?? '')", '.length === (kernelSha256 ? 66 : 0)'],
    ["boot: the sections are the release's", 'pcrs[11] === pcr11', 'true'],
    ["boot: the kernel was given the image's command line", 'given && held', 'held'],
    ["boot: the kernel was given the image's first files", 'image\'s", alone', 'image\'s", true'],
    ['boot: a file is on the allow list', '|| !allowed.has(toHex(file.fileDigest))', ''],
    ['boot: IMA measured something', 'if (measured.length === 0)', 'if (false)'],
    ['boot: the root is the one of the command line', 'named.join() === `roothash=${rootHash.slice(2)}`', 'true'],
  ),
  ...mutantsOf(
    'trust/src/boot/replayed.ts',
    PLATFORM,
    ["boot: the firmware's log replays", 'values[pcr] !== pcrs[pcr]', 'false'],
    ['boot: IMA began with what went before', 'found === expected && !bypassed', 'true'],
    ['boot: the aggregate is one that PCR 10 holds', ' && !first.violation', ''],
  ),
  ...mutantsOf(
    'trust/src/boot/secure-boot.ts',
    PLATFORM,
    ['boot: a UEFI variable is what was extended', '|| digestOf(data) !== digest', ''],
    ['boot: firmware let in no debugger', 'debuggerProblem(pcr7) ?? ', ''],
  ),
]
