/**
 * What a content node tells about itself; none of these interrupts a caller.
 * - `content/corrupt`: a block or pin on disk was not what its name says; it was removed and counts as absent.
 * - `content/evicted`: a block made room for another.
 * - `content/liar`: a peer answered with bytes that do not hash to the CID; it is not asked again in that fetch.
 */
export type ContentEvent =
  | { type: 'content/corrupt'; name: string }
  | { type: 'content/evicted'; name: string; sizeBytes: number }
  | { type: 'content/liar'; peer: string; cid: string }

/** Receives {@link ContentEvent}s. */
export type ContentEventListener = (event: ContentEvent) => void
