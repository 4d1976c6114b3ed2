import {
  concatBytes,
  type Digest,
  encodeCbor,
  equalBytes,
  fromHex,
  PCR_R,
  sha256,
  shapeOf,
  TeapotError,
} from '@teapot-network/trust'
import { createPrimary, flushContext, HIERARCHY, type ObjectHandle } from './commands/keys.ts'
import { pcrRead } from './commands/pcr.ts'
import { checkCreation, create, load, type ObjectBlob, unseal } from './commands/seal.ts'
import { orPolicyDigest, pcrPolicyDigest, policyOr, policyPcr, startPolicySession } from './commands/session.ts'
import { PASSWORD, type TpmConnection } from './connection.ts'
import { TpmError } from './response-code.ts'
import { STORAGE_TEMPLATE, sealedTemplate } from './templates.ts'
import type { Tpm } from './tpm.ts'
import { inTurn } from './turns.ts'
import { pcrSelection, sized } from './wire.ts'

/** What TPM2_Create takes (MAX_SYM_DATA). */
const MAX_SECRET_BYTES = 128
/** What TPM2_PolicyOR takes. */
export const MAX_RELEASES = 8
const shape = shapeOf('tpm/sealed-secret-refused', 'sealed secret')

/** An opened secret. */
export interface OpenSecret {
  secret: Uint8Array
  /** Those that can open it: values of R, as they were given. */
  releases: Digest[]
  /**
   * The value of R that sealed it, by the TPM's own word. Anyone can seal what they know to a release that they are not: only what an
   * approved release sealed is anything but theirs.
   */
  by: Digest
}

/**
 * Seals up to 128 bytes to this TPM and to releases, each by its value of R: only under one of them does the TPM give the bytes back
 * (spec/launch.md §7).
 * @param releases one to eight values of R; a release to come is as good as this one
 * @throws RangeError for more bytes, or for no release or more than eight
 */
export async function sealSecret(tpm: Tpm, secret: Uint8Array, releases: readonly Digest[]): Promise<Uint8Array> {
  if (secret.length > MAX_SECRET_BYTES) throw new RangeError(`a secret has at most ${MAX_SECRET_BYTES} bytes`)
  if (releases.length < 1 || releases.length > MAX_RELEASES) throw new RangeError(`1 to ${MAX_RELEASES} releases`)
  const branches = releases.map(branchOf)
  const template = sealedTemplate(branches.length === 1 ? branches[0]! : orPolicyDigest(branches))
  return underStorageKey(tpm, async (connection, parent) => {
    const by = (await pcrRead(connection, [PCR_R])).get(PCR_R)!
    const blob = await create(connection, parent, { template, data: secret, pcrs: [PCR_R] })
    return encodeCbor({ v: 1, by, releases: releases.map(fromHex), ...blob })
  })
}

/**
 * Opens what {@link sealSecret} made.
 * @throws TeapotError `tpm/sealed-to-other-releases` when R is none of them · `tpm/sealed-secret-refused` when the blob was altered, or
 * another TPM's, or the TPM's owner hierarchy was cleared since
 */
export async function unsealSecret(tpm: Tpm, sealed: Uint8Array): Promise<OpenSecret> {
  const { releases, by, blob } = parseSealed(sealed)
  const secret = await underStorageKey(tpm, async (connection, parent) => {
    const object = await load(connection, parent, blob).catch(asRefused)
    let session = PASSWORD
    try {
      await checkCreation(connection, object, blob).catch(asRefused)
      session = await startPolicySession(connection)
      await policyPcr(connection, session, [PCR_R])
      if (releases.length > 1) await policyOr(connection, session, releases.map(branchOf))
      const opened = await unseal(connection, object, session)
      session = PASSWORD // used up by the command
      return opened
    } catch (cause) {
      throw asOtherRelease(cause, releases)
    } finally {
      if (!connection.closed) {
        if (session !== PASSWORD) await flushContext(connection, session)
        await flushContext(connection, object)
      }
    }
  })
  return { secret, releases, by }
}

function branchOf(release: Digest): Uint8Array {
  return pcrPolicyDigest(PCR_R, fromHex(release))
}

type Work<T> = (connection: TpmConnection, parent: ObjectHandle) => Promise<T>

/** Works with the storage key, which is made for the moment. */
async function underStorageKey<T>(tpm: Tpm, work: Work<T>): Promise<T> {
  const connection = await tpm.connect()
  return inTurn(connection, async () => {
    const { handle } = await createPrimary(connection, HIERARCHY.owner, STORAGE_TEMPLATE)
    try {
      return await work(connection, handle)
    } finally {
      if (!connection.closed) await flushContext(connection, handle)
    }
  })
}

/** @throws TeapotError `tpm/sealed-secret-refused` */
export function parseSealed(sealed: Uint8Array): { releases: Digest[]; by: Digest; blob: ObjectBlob } {
  const map = shape.map(shape.decode(sealed), 'blob', [
    'v',
    'by',
    'releases',
    'public',
    'private',
    'creation',
    'ticket',
  ])
  if (map.get('v') !== 1) shape.refuse('v', 'version 1', String(map.get('v')))
  const by = shape.hex(map.get('by'), 'by', 32)
  const releases = shape.array(map.get('releases'), 'releases').map((r) => shape.hex(r, 'releases', 32))
  if (releases.length < 1 || releases.length > MAX_RELEASES) shape.refuse('releases', '1 to 8', `${releases.length}`)
  const part = (name: keyof ObjectBlob): Uint8Array => shape.bytes(map.get(name), name)
  const blob = { public: part('public'), private: part('private'), creation: part('creation'), ticket: part('ticket') }
  // TPMS_CREATION_DATA begins with the PCRs selected and the digest over their values (Part 2 §15.1).
  const made = concatBytes(pcrSelection([PCR_R]), sized(sha256(fromHex(by))))
  if (!equalBytes(blob.creation.subarray(0, made.length), made)) shape.refuse('creation', `R ${by}`, 'another')
  return { releases, by, blob }
}

function asRefused(cause: unknown): never {
  if (!(cause instanceof TpmError) || cause.kind === 'unavailable') throw cause
  throw new TeapotError(
    'tpm/sealed-secret-refused',
    `Cannot open a sealed secret: expected one that this TPM sealed, found one that it refuses (${cause.responseName}); make a new one`,
    { cause },
  )
}

function asOtherRelease(cause: unknown, releases: readonly Digest[]): unknown {
  if (!(cause instanceof TpmError) || !['POLICY_FAIL', 'VALUE', 'PCR_CHANGED'].includes(cause.responseName))
    return cause
  return new TeapotError(
    'tpm/sealed-to-other-releases',
    `Cannot open a sealed secret: expected R to be one of ${releases.join(', ')}, found another (${cause.responseName}); boot a release that it was sealed to, or make a new one`,
    { cause },
  )
}
