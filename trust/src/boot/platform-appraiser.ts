import type { PlatformAppraisal, PlatformAppraiser } from '../appraise/beneath.ts'
import { fail, group, unchecked } from '../appraise/reason.ts'
import type { ReferenceValuesDocument } from '../reference-values.ts'
import { PCR_IMA } from './ima-log.ts'
import { appraiseRelease } from './release.ts'
import { FIRMWARE_PCRS, replayFirmware, replayIma } from './replayed.ts'

const TITLE = 'The chain beneath the launcher'
const RELEASE = ['platform/release', 'It is a release that the references name'] as const

/**
 * Appraises what ran before the launcher against the releases that the references name (spec/boot.md).
 * Several releases are valid at once: a machine must be one of them, whole. Nothing is thrown for what the logs say.
 */
export function createPlatformAppraiser({ boots }: Pick<ReferenceValuesDocument, 'boots'>): PlatformAppraiser {
  return ({ firmware, ima }, pcrs) => {
    const missing = [...FIRMWARE_PCRS, PCR_IMA].filter((pcr) => !pcrs[pcr])
    if (missing.length > 0) {
      return { reason: unchecked('platform', TITLE, `PCRs ${missing.join(', ')} are not quoted`), measured: false }
    }
    const { reason: early, shown: events } = replayFirmware(firmware, pcrs)
    const { reason: late, shown: files } = replayIma(ima, pcrs)
    const release = events
      ? closest(boots.map((boot) => appraiseRelease(boot, pcrs, events, files)))
      : { reason: unchecked(...RELEASE, 'no log that replays'), measured: false }
    const reason = group('platform', TITLE, [early, late, release.reason])
    return { reason, measured: release.measured && reason.status === 'pass' }
  }
}

/** The release with the fewest failures, then with the least that is not known. */
function closest(releases: PlatformAppraisal[]): PlatformAppraisal {
  const count = ({ reason }: PlatformAppraisal, of: string) =>
    reason.because!.filter(({ status }) => status === of).length
  const distance = (release: PlatformAppraisal) => count(release, 'fail') * 100 + count(release, 'unchecked')
  const [best] = releases.sort((a, b) => distance(a) - distance(b))
  if (best) return best
  const failure = { expected: 'a release', found: 'none', source: 'reference values', fix: 'name what may be booted' }
  return { reason: fail(...RELEASE, failure), measured: false }
}
