import { concatBytes } from '@teapot-network/trust'
import { PASSWORD, type SessionHandle, type TpmConnection } from '../connection.ts'
import { ALG, createReader, pcrSelection, sized, u16, u32 } from '../wire.ts'

/** A permanent handle (TPM 2.0 Part 2 §7.4). */
export type HierarchyHandle = number & { readonly hierarchy?: never }
/** A transient or persistent object's handle, good for the connection that made it. */
export type ObjectHandle = number & { readonly object?: never }

/** The permanent handles that we authorise with. */
export const HIERARCHY = {
  owner: 0x40000001 as HierarchyHandle,
  null: 0x40000007 as HierarchyHandle,
  lockout: 0x4000000a as HierarchyHandle,
  endorsement: 0x4000000b as HierarchyHandle,
  platform: 0x4000000c as HierarchyHandle,
} as const

/** A loaded key. */
export interface LoadedKey {
  handle: ObjectHandle
  /** TPMT_PUBLIC. */
  public: Uint8Array
  /** Its Name: nameAlg and the digest of `public`. */
  name: Uint8Array
}

/** TPM2_CreatePrimary (Part 3 §24.1) with an empty password: the same template gives the same key for the life of the hierarchy's seed. */
export async function createPrimary(
  tpm: TpmConnection,
  hierarchy: HierarchyHandle,
  template: Uint8Array,
  signal?: AbortSignal,
): Promise<LoadedKey> {
  const empty = sized(sized(), sized())
  const parameters = concatBytes(empty, sized(template), sized(), u32(0))
  const command = { name: 'CreatePrimary', code: 0x131, handles: [hierarchy], sessions: [PASSWORD], parameters }
  const { handle, parameters: made } = await tpm.execute({ ...command, returnsHandle: true }, signal)
  const publicArea = made.sized()
  made.sized()
  made.sized()
  made.bytes(6)
  made.sized()
  const name = made.sized()
  made.end()
  return { handle, public: publicArea, name }
}

/** TPM2_FlushContext (Part 3 §28.4) of an object or session. */
export async function flushContext(tpm: TpmConnection, handle: number, signal?: AbortSignal): Promise<void> {
  await tpm.execute({ name: 'FlushContext', code: 0x165, parameters: u32(handle) }, signal)
}

/** What only the TPM with some EK can open, and only for one AK. */
export interface SealedCredential {
  /** TPMS_ID_OBJECT. */
  credentialBlob: Uint8Array
  /** TPMS_ENCRYPTED_SECRET's bytes. */
  encryptedSecret: Uint8Array
}

/**
 * TPM2_ActivateCredential (Part 3 §12.5): opens what was sealed to the Name of `ak` and to `ek`.
 * @throws TpmError `INTEGRITY` when it was made for another Name
 */
export async function activateCredential(
  tpm: TpmConnection,
  ak: ObjectHandle,
  ek: { handle: ObjectHandle; session: SessionHandle },
  { credentialBlob, encryptedSecret }: SealedCredential,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const authorised = { handles: [ak, ek.handle], sessions: [PASSWORD, ek.session] }
  const parameters = concatBytes(sized(credentialBlob), sized(encryptedSecret))
  const command = { name: 'ActivateCredential', code: 0x147, ...authorised, parameters }
  return (await tpm.execute(command, signal)).parameters.sized()
}

/** What a key signed of the TPM's own state, both parts byte for byte as the TPM wrote them. */
export interface RawQuote {
  /** TPMS_ATTEST. */
  attest: Uint8Array
  /** TPMT_SIGNATURE. */
  signature: Uint8Array
}

/** TPM2_Quote (Part 3 §18.4) over PCRs of the SHA-256 bank, by the key's own scheme. */
export async function quote(
  tpm: TpmConnection,
  key: ObjectHandle,
  qualifyingData: Uint8Array,
  pcrs: readonly number[],
  signal?: AbortSignal,
): Promise<RawQuote> {
  const parameters = concatBytes(sized(qualifyingData), u16(ALG.null), pcrSelection(pcrs))
  const command = { name: 'Quote', code: 0x158, handles: [key], sessions: [PASSWORD], parameters }
  const { parameters: signed } = await tpm.execute(command, signal)
  return { attest: signed.sized(), signature: signed.rest() }
}

/** The digest over the PCR values in a quote's TPMS_ATTEST: its last field (Part 2 §10.12.4). */
export function quotedDigest(attest: Uint8Array): Uint8Array {
  const reader = createReader(attest.subarray(Math.max(0, attest.length - 34)))
  const digest = reader.sized()
  reader.end()
  return digest
}
