type Maybe<T> = T | Promise<T>

/** Bounds of a sum, both inclusive. */
export interface Bounds {
  readonly least: bigint
  readonly most: bigint
}

/** A page of keys, in the order of their bytes. */
export interface KeyPage {
  readonly keys: readonly string[]
  /** Where the next page begins; none after the last. */
  readonly next: number | undefined
}

/**
 * What a key-value backend does; every method is atomic. A key may have a value, a list and a set at once. `space` parts
 * actors, bindings and buckets: JSON of their names, the actor's first.
 */
export interface Store {
  get(space: string, keys: readonly string[]): Maybe<(Uint8Array | undefined)[]>
  /** @param seconds from now on; 0 for ever */
  set(space: string, entries: readonly (readonly [string, Uint8Array])[], seconds: number): Maybe<void>
  /** Adds to a whole number in decimal, or to 0; an expiry stays. @throws ProviderRefusal `provider/not-a-number` */
  add(space: string, key: string, delta: bigint, bounds: Bounds): Maybe<bigint>
  /** Sets a value, without an expiry, if the one there equals `expected` (none: if none is there). */
  swap(space: string, key: string, expected: Uint8Array | undefined, value: Uint8Array): Maybe<boolean>
  /** Deletes values. */
  delete(space: string, keys: readonly string[]): Maybe<void>
  /** Deletes value, list and set of a key. */
  remove(space: string, key: string): Maybe<void>
  /** Whether a key has a value, a list or a set. */
  exists(space: string, key: string): Maybe<boolean>
  /** Keys that have a value. */
  keys(space: string, from: number, count: number): Maybe<KeyPage>
  /** Appends. @returns the list's length */
  push(space: string, key: string, item: string): Maybe<number>
  /** Items from `start` to `stop`, both inclusive; negative ones count from the end. */
  range(space: string, key: string, start: number, stop: number): Maybe<string[]>
  /** Deletes every equal item. @returns how many are left */
  removeItems(space: string, key: string, item: string): Maybe<number>
  clear(space: string, key: string): Maybe<void>
  /** @returns the set's size */
  addMember(space: string, key: string, member: string): Maybe<number>
  removeMember(space: string, key: string, member: string): Maybe<number>
  /** Members of each set, in any order, all read at one moment. */
  members(space: string, keys: readonly string[]): Maybe<string[][]>
  close(): void
}
