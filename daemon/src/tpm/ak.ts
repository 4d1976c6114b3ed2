import { equalBytes, TeapotError, toHex } from '@teapot-network/trust'
import { createPrimary, HIERARCHY, type LoadedKey } from './commands/keys.ts'
import type { TpmConnection } from './connection.ts'
import { nameOf } from './make-credential.ts'
import { AK_PREFIX, AK_TEMPLATE } from './templates.ts'
import { createReader } from './wire.ts'

const loaded = new WeakMap<TpmConnection, Promise<LoadedKey>>()

/**
 * The TPM's AK, made at the first need of each connection; it is the same key each time (spec/launch.md §1).
 * @throws TeapotError `tpm/unexpected-ak` when its public area is not exactly our template with x and y of 32 bytes
 */
export function loadAk(tpm: TpmConnection, signal?: AbortSignal): Promise<LoadedKey> {
  let loading = loaded.get(tpm)
  if (!loading) {
    loading = createAk(tpm, signal)
    loading.catch(() => loaded.delete(tpm))
    loaded.set(tpm, loading)
  }
  return loading
}

async function createAk(tpm: TpmConnection, signal?: AbortSignal): Promise<LoadedKey> {
  const key = await createPrimary(tpm, HIERARCHY.endorsement, AK_TEMPLATE, signal)
  const reader = createReader(key.public)
  const prefix = reader.bytes(Math.min(AK_PREFIX.length, key.public.length))
  const [x, y] = [reader.sized(), reader.sized()]
  const expected = equalBytes(prefix, AK_PREFIX) && x.length === 32 && y.length === 32
  if (expected && equalBytes(key.name, nameOf(key.public))) return key
  throw new TeapotError(
    'tpm/unexpected-ak',
    `Cannot use this TPM: expected an AK of the template in spec/launch.md §1, found ${toHex(key.public)}`,
    { kind: 'fault' },
  )
}
