import { concatBytes, sha256 } from '@teapot-network/trust'
import { PASSWORD, type SessionHandle, type TpmConnection } from '../connection.ts'
import { ALG, pcrSelection, sized, u16 } from '../wire.ts'
import { HIERARCHY, type ObjectHandle } from './keys.ts'

/** An object outside the TPM: of use to that TPM alone. */
export interface ObjectBlob {
  /** TPMT_PUBLIC. */
  public: Uint8Array
  /** TPM2B_PRIVATE's bytes: encrypted and authenticated by the parent. */
  private: Uint8Array
  /** TPMS_CREATION_DATA: among others, the PCRs at its making. */
  creation: Uint8Array
  /** TPMT_TK_CREATION: the TPM's own word for that. */
  ticket: Uint8Array
}

/** An object's template, what goes into it, and the PCRs whose values the TPM shall note. */
interface Creation {
  template: Uint8Array
  data: Uint8Array
  pcrs: readonly number[]
}

/** TPM2_Create (Part 3 §12.1), with an empty password. */
export async function create(tpm: TpmConnection, parent: ObjectHandle, object: Creation): Promise<ObjectBlob> {
  const sensitive = sized(sized(), sized(object.data))
  const parameters = concatBytes(sensitive, sized(object.template), sized(), pcrSelection(object.pcrs))
  const command = { name: 'Create', code: 0x153, handles: [parent], sessions: [PASSWORD], parameters }
  const { parameters: made } = await tpm.execute(command)
  const [privatePart, publicPart, creation] = [made.sized(), made.sized(), made.sized()]
  made.sized()
  return { private: privatePart, public: publicPart, creation, ticket: made.rest() }
}

/** TPM2_Load (Part 3 §12.2). @throws TpmError `INTEGRITY` for an altered object or another TPM's */
export async function load(tpm: TpmConnection, parent: ObjectHandle, blob: ObjectBlob): Promise<ObjectHandle> {
  const parameters = concatBytes(sized(blob.private), sized(blob.public))
  const command = { name: 'Load', code: 0x157, handles: [parent], sessions: [PASSWORD], parameters }
  return (await tpm.execute({ ...command, returnsHandle: true })).handle
}

/**
 * TPM2_CertifyCreation (Part 3 §18.3) without a signature: has the TPM check that it made a loaded object as its creation data say.
 * @throws TpmError `TICKET` when it did not
 */
export async function checkCreation(tpm: TpmConnection, object: ObjectHandle, blob: ObjectBlob): Promise<void> {
  const parameters = concatBytes(sized(), sized(sha256(blob.creation)), u16(ALG.null), blob.ticket)
  const command = { name: 'CertifyCreation', code: 0x14a, handles: [HIERARCHY.null, object], sessions: [PASSWORD] }
  await tpm.execute({ ...command, parameters })
}

/** TPM2_Unseal (Part 3 §12.7); uses the session up. @throws TpmError `POLICY_FAIL` when the object's policy is another */
export async function unseal(tpm: TpmConnection, object: ObjectHandle, session: SessionHandle): Promise<Uint8Array> {
  const command = { name: 'Unseal', code: 0x15e, handles: [object], sessions: [session] }
  return (await tpm.execute(command)).parameters.sized()
}
