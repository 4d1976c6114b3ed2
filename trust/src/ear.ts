import type { Digest, NodeId } from './bytes.ts'
import type { EvidenceType } from './evidence.ts'
import type { Assurance, Reason, Tier, Verdict } from './verdict.ts'

/** An AR4SI trustworthiness vector: 0 makes no claim, 2 to 31 affirms, 32 to 95 warns, 96 to 127 contraindicates. */
export type TrustworthinessVector = Record<
  | 'instance-identity'
  | 'configuration'
  | 'executables'
  | 'file-system'
  | 'hardware'
  | 'runtime-opaque'
  | 'storage-opaque'
  | 'sourced-data',
  number
>

/** The claims of an EAT Attestation Result, unsigned, as JSON names them (draft-ietf-rats-ear-04). */
export interface Ear {
  eat_profile: 'tag:ietf.org,2026:rats/ear#04'
  /** Seconds since 1970. */
  iat: number
  exp: number
  ear_verifier_id: { developer: string; build: string }
  /** By node id. */
  submods: Record<
    NodeId,
    {
      ear_status: Tier
      ear_trustworthiness_vector: TrustworthinessVector
      ear_appraisal_policy_ids: string[]
      /** What the draft has no word for: ours. */
      'urn:x-teapot:verdict': { summary: string; fix?: string; evidence: Digest; run: Digest; assurance: Assurance }
    }
  >
}

/** What a verdict doesn't tell by itself. */
export interface EarContext {
  node: NodeId
  type: EvidenceType
  evidence: Digest
  /** When the appraisal was made: seconds since 1970. */
  issuedAt: number
  /** The Verifier's version. */
  build: string
}

/**
 * The verdict for those who read EAT Attestation Results. A failed step is told as contraindicated, what was not checked makes no claim,
 * and simulated hardware makes none either.
 */
export function ear(verdict: Verdict, { node, type, evidence, issuedAt, build }: EarContext): Ear {
  const { tier, summary, fix, run, assurance, policy, expires } = verdict
  return {
    eat_profile: 'tag:ietf.org,2026:rats/ear#04',
    iat: issuedAt,
    exp: expires,
    ear_verifier_id: { developer: 'teapot', build },
    submods: {
      [node]: {
        ear_status: tier,
        ear_trustworthiness_vector: vectorOf(verdict, type),
        ear_appraisal_policy_ids: [`urn:x-teapot:policy:${policy}`],
        'urn:x-teapot:verdict': { summary, ...(fix !== undefined && { fix }), evidence, run, assurance },
      },
    },
  }
}

/** AR4SI values (draft-ietf-rats-ar4si §2.3): recognised and approved; known to be wanting; not to be trusted; not recognised. */
const [APPROVED, WANTING, UNTRUSTED, UNRECOGNISED] = [2, 32, 96, 97]

function vectorOf({ reasons, assurance, tier }: Verdict, type: EvidenceType): TrustworthinessVector {
  const status = (...ids: string[]): Reason['status'] => {
    const found = reasons.filter(({ id }) => ids.includes(id)).map((reason) => reason.status)
    if (found.includes('fail')) return 'fail'
    return found.length > 0 && found.every((one) => one === 'pass') ? 'pass' : 'unchecked'
  }
  const graded = (ids: string[], failed: number, passed = APPROVED!) => {
    const found = status(...ids)
    return found === 'pass' ? passed : found === 'fail' ? failed : 0
  }
  const software = [
    'log/form',
    'log/replay',
    'runtime/registered',
    'runtime/current',
    'provisioned/held',
    'provisioned/current',
  ]
  // A measurement is worth the chain beneath it: without one, good digests make no claim.
  const worth = assurance.integrity === 'none' ? 0 : APPROVED!
  return {
    'instance-identity': graded(['identity', 'quote'], UNRECOGNISED!),
    configuration: graded(['platform'], UNTRUSTED!),
    executables: graded(software, tier === 'warning' ? WANTING! : UNTRUSTED!, worth),
    'file-system': assurance.integrity === 'measured' ? APPROVED! : graded(['platform'], UNTRUSTED!, 0),
    hardware: type === 'tpm-simulated' ? 0 : graded(['endorsement'], UNRECOGNISED!),
    'runtime-opaque': graded(['tee'], UNTRUSTED!, assurance.confidentiality === 'enclave' ? APPROVED! : 0),
    'storage-opaque': 0,
    'sourced-data': 0,
  }
}
