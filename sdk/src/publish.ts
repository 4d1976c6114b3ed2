import {
  type Digest,
  digestOf,
  encodeGrants,
  type Hex,
  type LedgerFacts,
  TeapotError,
  toHex,
} from '@teapot-network/trust'
import { type Fetch, failureOf, request } from './http.ts'
import { activeNodes, httpContact } from './nodes.ts'
import { rawCid } from './raw-cid.ts'

/** What is published under a name. */
export interface Publication {
  /** One of `EntryKind`: actor or page. */
  kind: number
  name: string
  /** Above every earlier version of the name. */
  version: number
  /** One block: at most 2 MiB. */
  bytes: Uint8Array
  /** Capabilities that the actor asks for; none for a page. */
  grants: readonly string[]
}

/** What goes onto the ledger. */
export interface Announcement extends Omit<Publication, 'bytes' | 'grants'> {
  sha256: Digest
  cid: string
  /** Canonical; `0x` for none. */
  grants: Hex
}

/** What publishing needs. */
export interface PublishParts {
  /** Puts the entry on the ledger; resolves when it stands there. */
  announce(entry: Announcement): Promise<unknown>
  facts(signal?: AbortSignal): Promise<LedgerFacts>
  fetch?: Fetch
  signal?: AbortSignal
  /** How long to wait for a node that takes the bytes. Default 60 s. */
  timeoutMs?: number
}

/** Where a publication went. */
export interface Published {
  cid: string
  sha256: Digest
  /** URL of the node that took the bytes; others fetch from it. */
  holder: string
}

const blockBytes = 2 * 1024 * 1024
/** A node looks for new blocks twice a second: of several, one has often seen it at once. */
const firstRetryMs = 50
const lastRetryMs = 1_000

/**
 * Puts an entry on the ledger, then the bytes onto a node: a node takes only bytes that the ledger names. The entry is not current
 * before it is approved (pages are at once), so that no node looks for bytes that nobody holds yet.
 * @throws TeapotError `sdk/publication-too-large`, `sdk/no-holder` when no node took the bytes in time
 */
export async function publish(publication: Publication, parts: PublishParts): Promise<Published> {
  const { kind, name, version, bytes, grants } = publication
  if (bytes.length > blockBytes) {
    throw new TeapotError(
      'sdk/publication-too-large',
      `Cannot publish ${name}: expected at most ${blockBytes} bytes, found ${bytes.length}; make it smaller`,
    )
  }
  const sha256 = digestOf(bytes)
  const cid = rawCid(sha256)
  const grantsBytes = grants.length === 0 ? '0x' : toHex(encodeGrants(grants))
  await parts.announce({ kind, name, version, sha256, cid, grants: grantsBytes })
  return { cid, sha256, holder: await placeBytes(cid, bytes, parts) }
}

/** Offers the bytes to every node in turn until one takes them. Nodes that follow the ledger a little behind refuse at first. */
export async function placeBytes(
  cid: string,
  bytes: Uint8Array,
  parts: Omit<PublishParts, 'announce'>,
): Promise<string> {
  const { fetch = globalThis.fetch, signal, timeoutMs = 60_000 } = parts
  const until = performance.now() + timeoutMs
  let last: unknown
  let retryMs = firstRetryMs
  do {
    for (const url of holders(await parts.facts(signal))) {
      try {
        const options = { fetch, timeoutMs: 10_000, limitBytes: 4096, signal, method: 'PUT', body: bytes } as const
        const answer = await request(`${url}/v1/blocks/${cid}`, options)
        if (answer.status === 201) return url
        last = failureOf(answer, url)
      } catch (failure) {
        signal?.throwIfAborted()
        last = failure
      }
    }
    await pause(retryMs, signal)
    retryMs = Math.min(retryMs * 2, lastRetryMs)
  } while (performance.now() < until)
  throw new TeapotError(
    'sdk/no-holder',
    `Cannot place ${cid}: no node took the bytes within ${timeoutMs} ms (${(last as Error | undefined)?.message ?? 'none is registered'}); place them again`,
    { kind: 'unavailable', cause: last },
  )
}

/** Active nodes first; any other that is registered may hold bytes too, for bytes verify themselves. */
function holders(facts: LedgerFacts): string[] {
  const all = facts.nodes.map(({ contact }) => httpContact(contact)).filter((url) => url !== undefined)
  return [...new Set([...activeNodes(facts).map(({ url }) => url), ...all])]
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const abort = () => {
      clearTimeout(timer)
      reject(signal!.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort)
  })
}
