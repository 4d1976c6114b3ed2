import { bootOf, TeapotError } from '@teapot-network/trust'
import { flushContext } from './commands/keys.ts'
import { PROPERTY, readClock, readHandles, readProperty, resetLockout, shutdown } from './commands/state.ts'
import { createConnection, type TpmConnection } from './connection.ts'
import type { TpmTransport } from './frame.ts'
import { TpmError } from './response-code.ts'
import { openTransport, type TpmAddress } from './transport.ts'

/** A TPM that may go away and come back, within one boot. */
export interface Tpm extends AsyncDisposable {
  /**
   * The live connection, or a new one, cleaned of what earlier users left behind. Handles belong to the connection they came from.
   * @throws TeapotError `tpm/unavailable` when nothing answers · `tpm/reset` when the TPM was reset or restarted since the first connection
   */
  connect(signal?: AbortSignal): Promise<TpmConnection>
}

/** First handles of transient objects, of HMAC sessions and of policy sessions. */
const LEFT_BEHIND = [0x80000000, 0x02000000, 0x03000000]
const LOCKOUT_AUTH_SET = 0x4
const SHUTDOWN_TIMEOUT_MS = 10_000

/**
 * A TPM at an address; connects at first use. Disposing a raw socket's TPM sends TPM2_Shutdown; the kernel does that for its own
 * device.
 */
export function createTpm(address: TpmAddress): Tpm {
  const raw = !('device' in address)
  let transport: TpmTransport | undefined
  let connection: TpmConnection | undefined
  let connecting: Promise<TpmConnection> | undefined
  let firstBoot: number | undefined

  const open = async (signal?: AbortSignal): Promise<TpmConnection> => {
    await transport?.[Symbol.asyncDispose]()
    transport = await openTransport(address, signal)
    try {
      const fresh = createConnection(transport)
      if (raw) await flushAll(fresh, signal)
      await clearLockout(fresh, signal)
      const boot = bootOf(await readClock(fresh, signal))
      firstBoot ??= boot
      if (boot !== firstBoot) throw wasReset(firstBoot, boot)
      connection = fresh
      return fresh
    } catch (error) {
      await transport[Symbol.asyncDispose]()
      throw error
    }
  }

  return {
    connect: async (signal) => {
      while (connecting) await connecting.catch(() => {})
      if (connection && !connection.closed) return connection
      connecting = open(signal).finally(() => {
        connecting = undefined
      })
      return connecting
    },
    [Symbol.asyncDispose]: async () => {
      await connecting?.catch(() => {})
      if (raw && connection && !connection.closed) {
        // Best effort: a TPM that is gone needs no farewell.
        await shutdown(connection, AbortSignal.timeout(SHUTDOWN_TIMEOUT_MS)).catch(() => {})
      }
      await transport?.[Symbol.asyncDispose]()
    },
  }
}

/** swtpm has three object slots, no resource manager, and keeps objects of closed connections. */
async function flushAll(connection: TpmConnection, signal?: AbortSignal): Promise<void> {
  for (const first of LEFT_BEHIND) {
    for (const handle of await readHandles(connection, first, signal)) await flushContext(connection, handle, signal)
  }
}

/**
 * Only with an empty lockout auth: a wrong guess at a set one would lock the TPM for a day. A TPM that stays locked serves on, as our keys
 * and counters are exempt (noDA); only activation by the EK then fails, and says why.
 */
async function clearLockout(connection: TpmConnection, signal?: AbortSignal): Promise<void> {
  if ((await readProperty(connection, PROPERTY.permanent, signal)) & LOCKOUT_AUTH_SET) return
  if ((await readProperty(connection, PROPERTY.lockoutCounter, signal)) === 0) return
  await resetLockout(connection, signal).catch((error) => {
    if (!(error instanceof TpmError)) throw error
  })
}

function wasReset(expected: number, found: number): TeapotError {
  return new TeapotError(
    'tpm/reset',
    `Cannot go on with this TPM: expected boot ${expected}, found ${found}: it was reset or restarted, so its PCRs tell of another boot; reboot the machine`,
    { kind: 'fault' },
  )
}
