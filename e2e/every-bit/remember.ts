// Checking a signature is nearly all of the work, and most that are checked are those of the parts that were not altered.
// Here those of the genuine samples are answered from memory: what the same key says of the same bytes is the same.
import crypto, { type KeyObject } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'

/** Remembers every signature that is checked, and every key that is imported, while `judge` runs. */
export type Remember = <T>(judge: () => Promise<T>) => Promise<T>

/** Puts a memory before the functions of Node's that check signatures; the code that calls them stays as it is. */
export function rememberSignatures(): Remember {
  const known = new Map<string, unknown>()
  /** Keys whose bytes are known, by the digest of those. */
  const ids = new WeakMap<object, string>()
  let open = false
  const digest = (...parts: unknown[]) =>
    parts.map((part) => (isBytes(part) ? crypto.hash('sha256', part) : told(part))).join()
  const recall = <T>(key: string, make: () => T): T => {
    if (known.has(key)) return known.get(key) as T
    const made = make()
    if (open) known.set(key, made)
    return made
  }

  const { subtle } = crypto.webcrypto
  const importKey = subtle.importKey.bind(subtle) as (...given: unknown[]) => Promise<CryptoKey>
  const importOnce = (...given: unknown[]) => {
    const id = digest(...given)
    return recall(id, async () => {
      const key = await importKey(...given)
      ids.set(key, id)
      return key
    })
  }
  const verifyLater = subtle.verify.bind(subtle)
  const verifyOnce: typeof verifyLater = (algorithm, key, ...bytes) => {
    const id = ids.get(key)
    const verify = () => verifyLater(algorithm, key, ...bytes)
    return id ? recall(digest(algorithm, id, ...bytes), verify) : verify()
  }
  Object.assign(subtle, { importKey: importOnce, verify: verifyOnce })

  const verifyNow = crypto.verify as (hash: string, data: Uint8Array, key: { key: KeyObject }, r: Uint8Array) => boolean
  const verify: typeof verifyNow = (hash, data, key, signature) => {
    const id = ids.get(key.key) ?? digest(key.key.export({ format: 'jwk' }))
    ids.set(key.key, id)
    return recall(digest(hash, id, data, signature), () => verifyNow(hash, data, key, signature))
  }
  Object.assign(crypto, { verify })
  syncBuiltinESMExports()

  return async (judge) => {
    open = true
    try {
      return await judge()
    } finally {
      open = false
    }
  }
}

const isBytes = (part: unknown): part is Uint8Array => part instanceof Uint8Array

/** Of algorithms and usages; other bytes than those above would all be told alike. */
function told(part: unknown): string {
  if (part instanceof ArrayBuffer || ArrayBuffer.isView(part)) throw new TypeError('Expected bytes as Uint8Array')
  return JSON.stringify(part)
}
