/** Gives what was made for a key, or makes it. */
export type Memo<T> = (key: string, make: () => T) => T

/** Remembers what was made for a key, for up to `limit` keys; the oldest goes first. */
export function createMemo<T>(limit = 1024): Memo<T> {
  const known = new Map<string, T>()
  return (key, make) => {
    const remembered = known.get(key)
    if (remembered !== undefined) return remembered
    const fresh = make()
    if (known.size >= limit) known.delete(known.keys().next().value!)
    known.set(key, fresh)
    return fresh
  }
}
