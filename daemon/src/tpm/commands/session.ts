import { randomBytes } from 'node:crypto'
import { concatBytes } from '@teapot-network/trust'
import { PASSWORD, type SessionHandle, type TpmConnection } from '../connection.ts'
import { ALG, sized, u8, u16, u32 } from '../wire.ts'
import { HIERARCHY, type HierarchyHandle } from './keys.ts'

const POLICY_SESSION = 1
const NONCE_BYTES = 16

/** TPM2_StartAuthSession (Part 3 §11.1): an unsalted, unbound policy session. Flush it, or use it up in one command. */
export async function startPolicySession(tpm: TpmConnection, signal?: AbortSignal): Promise<SessionHandle> {
  const { handle } = await tpm.execute(
    {
      name: 'StartAuthSession',
      code: 0x176,
      handles: [HIERARCHY.null, HIERARCHY.null],
      parameters: concatBytes(
        sized(randomBytes(NONCE_BYTES)),
        sized(),
        u8(POLICY_SESSION),
        u16(ALG.null),
        u16(ALG.sha256),
      ),
      returnsHandle: true,
    },
    signal,
  )
  return handle
}

/** TPM2_PolicySecret (Part 3 §23.4) with the entity's empty password. */
export async function policySecret(
  tpm: TpmConnection,
  session: SessionHandle,
  entity: HierarchyHandle,
  signal?: AbortSignal,
): Promise<void> {
  await tpm.execute(
    {
      name: 'PolicySecret',
      code: 0x151,
      handles: [entity, session],
      sessions: [PASSWORD],
      parameters: concatBytes(sized(), sized(), sized(), u32(0)),
    },
    signal,
  )
}
