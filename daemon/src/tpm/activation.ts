import { TeapotError } from '@teapot-network/trust'
import {
  activateCredential,
  createPrimary,
  flushContext,
  HIERARCHY,
  type LoadedKey,
  type SealedCredential,
} from './commands/keys.ts'
import { policySecret, startPolicySession } from './commands/session.ts'
import { PASSWORD, type TpmConnection } from './connection.ts'
import { TpmError } from './response-code.ts'
import { EK_PROFILES, type EkKind } from './templates.ts'
import { inTurn } from './turns.ts'

/**
 * Opens a credential with the EK (made for the moment) for the AK.
 * @throws TeapotError `tpm/credential-refused` when it was made for others, or altered · TpmError when the TPM is locked or busy
 */
export function activate(
  tpm: TpmConnection,
  ak: LoadedKey,
  kind: EkKind,
  credential: SealedCredential,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  return inTurn(tpm, () => activateWithEk(tpm, ak, kind, credential, signal))
}

async function activateWithEk(
  tpm: TpmConnection,
  ak: LoadedKey,
  kind: EkKind,
  credential: SealedCredential,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const profile = EK_PROFILES[kind]
  const ek = await createPrimary(tpm, HIERARCHY.endorsement, profile.template, signal)
  let session = PASSWORD
  try {
    if (profile.auth === 'policy') {
      session = await startPolicySession(tpm, signal)
      await policySecret(tpm, session, HIERARCHY.endorsement, signal)
    }
    const opened = await activateCredential(tpm, ak.handle, { handle: ek.handle, session }, credential, signal)
    session = PASSWORD // used up by the command
    return opened
  } catch (cause) {
    if (!(cause instanceof TpmError) || cause.kind === 'unavailable') throw cause
    throw new TeapotError(
      'tpm/credential-refused',
      `Cannot activate: expected a credential for this TPM's EK and AK, found one the TPM refuses (${cause.responseName})`,
      { cause },
    )
  } finally {
    if (!tpm.closed) {
      if (session !== PASSWORD) await flushContext(tpm, session)
      await flushContext(tpm, ek.handle)
    }
  }
}
