import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { type Digest, type LedgerFacts, PCR_R, type ReferenceValue, toHex } from '@teapot-network/trust'
import { readPcrs } from './pcrs.ts'
import { MAX_RELEASES, type OpenSecret, sealSecret, unsealSecret } from './sealed-secret.ts'
import type { Tpm } from './tpm.ts'

const KEY_BYTES = 32
/** What makes a new key take the old one's place. */
const LOST = ['ENOENT', 'tpm/sealed-to-other-releases', 'tpm/sealed-secret-refused']

/** A key for what may begin anew, such as a cache: kept in a file that only approved releases on this machine can make and open. */
export interface SealedKey {
  /** 32 bytes. */
  readonly key: Uint8Array
  /**
   * Seals the key anew where the releases that the ledger holds current or in grace have changed, so that an approved upgrade, and a way
   * back from it, find it. A release that was revoked since may have known the key: then the next start finds a new one.
   */
  follow(facts: Facts): Promise<void>
}

type Facts = Pick<LedgerFacts, 'referenceValues'>

/**
 * Opens the key at `path`. A new one takes its place where there is none, where this release may not open it, where it was sealed by
 * anyone but this release or one that the ledger approves, and where a release that was revoked could open it.
 * @param facts the ledger's, where they can be had
 */
export async function openSealedKey(
  path: string,
  tpm: Tpm,
  facts: Facts = { referenceValues: [] },
): Promise<SealedKey> {
  const own = toHex((await readPcrs(tpm)).get(PCR_R)!)
  const keep = async (secret: Uint8Array, releases: Digest[]): Promise<OpenSecret> => {
    await writeFile(`${path}.new`, await sealSecret(tpm, secret, releases), { mode: 0o600, flush: true })
    await rename(`${path}.new`, path)
    return { secret, releases, by: own }
  }
  const open = async (): Promise<OpenSecret | undefined> => {
    try {
      const found = await unsealSecret(tpm, await readFile(path))
      return [own, ...approved(facts)].includes(found.by) && !tainted(found, facts) ? found : undefined
    } catch (error) {
      if (LOST.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
      throw error
    }
  }
  let kept = (await open()) ?? (await keep(randomBytes(KEY_BYTES), [own]))
  const advance = async (now: Facts): Promise<void> => {
    if (having(now, 'revoked').includes(own)) return
    const next = [...new Set([own, ...approved(now)])].slice(0, MAX_RELEASES).sort()
    if (next.join() === kept.releases.join() && kept.by === own) return
    kept = await keep(tainted(kept, now) ? randomBytes(KEY_BYTES) : kept.secret, next)
  }
  // Blocks come faster than a TPM seals: two at once would write one file.
  let turn = Promise.resolve()
  return {
    key: kept.secret,
    follow: (now) => {
      const result = turn.then(() => advance(now))
      turn = result.catch(() => {})
      return result
    },
  }
}

function having({ referenceValues }: Facts, wanted: ReferenceValue['status']): Digest[] {
  return referenceValues.filter(({ status }) => status === wanted).map(({ r }) => r)
}

function approved(facts: Facts): Digest[] {
  return [...having(facts, 'current'), ...having(facts, 'grace')]
}

/** Whether a release that was revoked could open it, and so may have known it. */
function tainted({ releases }: OpenSecret, facts: Facts): boolean {
  return having(facts, 'revoked').some((release) => releases.includes(release))
}
