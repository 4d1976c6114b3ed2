import { randomBytes } from 'node:crypto'
import { concatBytes, sha256 } from '@teapot-network/trust'
import { PASSWORD, type SessionHandle, type TpmConnection } from '../connection.ts'
import { ALG, pcrSelection, sized, u8, u16, u32 } from '../wire.ts'
import { HIERARCHY, type HierarchyHandle } from './keys.ts'

const POLICY_SESSION = 1
const POLICY_OR = 0x171
const POLICY_PCR = 0x17f
const NONCE_BYTES = 16

/** TPM2_StartAuthSession (Part 3 §11.1): an unsalted, unbound policy session. Flush it, or use it up in one command. */
export async function startPolicySession(tpm: TpmConnection, signal?: AbortSignal): Promise<SessionHandle> {
  const nonce = sized(randomBytes(NONCE_BYTES))
  const parameters = concatBytes(nonce, sized(), u8(POLICY_SESSION), u16(ALG.null), u16(ALG.sha256))
  const command = { name: 'StartAuthSession', code: 0x176, handles: [HIERARCHY.null, HIERARCHY.null], parameters }
  return (await tpm.execute({ ...command, returnsHandle: true }, signal)).handle
}

/** TPM2_PolicySecret (Part 3 §23.4) with the entity's empty password. */
export async function policySecret(
  tpm: TpmConnection,
  session: SessionHandle,
  entity: HierarchyHandle,
  signal?: AbortSignal,
): Promise<void> {
  const parameters = concatBytes(sized(), sized(), sized(), u32(0))
  const command = { name: 'PolicySecret', code: 0x151, handles: [entity, session], sessions: [PASSWORD], parameters }
  await tpm.execute(command, signal)
}

/** TPM2_PolicyPCR (Part 3 §23.7) over PCRs of the SHA-256 bank as they are now. */
export async function policyPcr(tpm: TpmConnection, session: SessionHandle, pcrs: readonly number[]): Promise<void> {
  const parameters = concatBytes(sized(), pcrSelection(pcrs))
  await tpm.execute({ name: 'PolicyPCR', code: POLICY_PCR, handles: [session], parameters })
}

/** TPM2_PolicyOR (Part 3 §23.6) of two to eight. @throws TpmError `VALUE` when the session's policy is none of them */
export async function policyOr(tpm: TpmConnection, session: SessionHandle, branches: Uint8Array[]): Promise<void> {
  const parameters = concatBytes(u32(branches.length), ...branches.map((branch) => sized(branch)))
  await tpm.execute({ name: 'PolicyOR', code: POLICY_OR, handles: [session], parameters })
}

/** The policy digest that {@link policyPcr} comes to when one PCR has this value: now, or one day. */
export function pcrPolicyDigest(pcr: number, value: Uint8Array): Uint8Array {
  return sha256(concatBytes(new Uint8Array(32), u32(POLICY_PCR), pcrSelection([pcr]), sha256(value)))
}

/** The policy digest that {@link policyOr} comes to. */
export function orPolicyDigest(branches: readonly Uint8Array[]): Uint8Array {
  return sha256(concatBytes(new Uint8Array(32), u32(POLICY_OR), ...branches))
}
